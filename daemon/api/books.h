// The account of one request to a generation endpoint: however it goes, and whatever is thrown on the way, it is received once and ended
// once. Used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "runtime/engine/ledger.h"
#include "runtime/engine/records.h"
#include "runtime/engine/request.h"

namespace inferd::daemon {

class RequestBooks {
 public:
  // `likely_model` is what the request counts for when it ends before it names a model.
  RequestBooks(engine::Ledger& ledger, std::uint16_t likely_model, engine::RequestRecord record) : ledger_(ledger), record_(record) {
    record_.model = likely_model;
    record_.outcome = engine::Outcome::kFailed;
    record_.http_status = 500;
  }
  RequestBooks(const RequestBooks&) = delete;
  RequestBooks& operator=(const RequestBooks&) = delete;
  // A request that the engine works on must have ended its output before, and the record must say when it ended.
  ~RequestBooks() {
    Open();
    ledger_.Ended(record());
  }

  // Counts the request for its model. Before Submit.
  void OpenFor(std::uint16_t model) {
    if (opened_) return;
    record_.model = model;
    Open();
  }
  // Counts it for the model known so far. Before its answer is written: whoever has seen the answer finds it in the books.
  void Open() {
    if (opened_) return;
    opened_ = true;
    ledger_.Received(record_);
  }
  // From here on the record is the request's: the engine writes it until its output has ended.
  void HandOver(std::shared_ptr<engine::Request> request) {
    Open();
    request->record = record_;
    request_ = std::move(request);
  }
  // A refused request gives the record back.
  void TakeBack() {
    record_ = request_->record;
    request_.reset();
  }

  engine::RequestRecord& record() { return request_ ? request_->record : record_; }

  void Refused(engine::RefusalReason reason, int status) {
    record().outcome = engine::Outcome::kRejected;
    record().refusal = reason;
    record().http_status = static_cast<std::uint16_t>(status);
  }
  void Ended(engine::Outcome outcome, int status) {
    record().outcome = outcome;
    record().http_status = static_cast<std::uint16_t>(status);
  }

 private:
  engine::Ledger& ledger_;
  engine::RequestRecord record_;
  std::shared_ptr<engine::Request> request_;
  bool opened_ = false;
};

}  // namespace inferd::daemon
