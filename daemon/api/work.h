// The part of a Call that exists from Submit on. Only for the files that implement Call.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "daemon/api/api.h"

namespace inferd::daemon {

struct Call::Work {
  Work(std::shared_ptr<engine::Request> r, const AnswerOptions& options, const model::Tokenizer& tokenizer)
      : request(std::move(r)), answer(options, tokenizer), stream(options.stream) {}

  std::shared_ptr<engine::Request> request;
  daemon::Answer answer;
  bool stream;
  bool begun = false;  // the head of a stream was given out
  bool gone = false;   // nobody reads any more
  bool late = false;   // the client has its answer: the deadline passed, and the engine did not say so
  bool ended = false;
  // The worst ending of any choice, if one did not end well.
  std::optional<engine::FinishReason> broken;
  engine::Outcome outcome = engine::Outcome::kOk;
};

}  // namespace inferd::daemon
