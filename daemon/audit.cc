#include "daemon/audit.h"

#include <chrono>
#include <utility>

#include "daemon/log.h"
#include "runtime/base/utf8.h"

namespace inferd::daemon {
namespace {

constexpr int kBoundPerSecond = 10;
constexpr std::size_t kLongestDetail = 1000;

}  // namespace

Result<> Auditor::Open(const config::Logs::Audit& config) {
  if (!config.file) return {};
  INFERD_ASSIGN_OR_RETURN(log_, logging::AuditLog::Open({.path = *config.file, .keep = config.keep}, clock_, files_, LogCounts(),
                                                        [path = *config.file](const std::string& trouble) {
                                                          Log(logging::LogFileTrouble{.file = path, .trouble = trouble});
                                                        }));
  const logging::AuditHead head = log_->head();
  Log(logging::AuditHeadIs{.lines = head.seq, .hash = head.hash});
  return {};
}

void Auditor::Close() {
  if (!log_) return;
  log_->Stop();
  const logging::AuditHead head = log_->head();
  Log(logging::AuditHeadIs{.lines = head.seq, .hash = head.hash});
}

void Auditor::Enter(std::string_view act, std::string_view actor, std::string_view target, std::string_view outcome,
                    std::string_view detail, std::string_view client) {
  if (!log_) return;
  for (Bound* bound : {&refusals_, &admin_, &tests_}) {
    if (const std::uint64_t n = bound->TakePassedOver(); n > 0) {
      Record(bound->act, "daemon", {}, "not_entered", std::to_string(n) + " more of this kind", {});
    }
  }
  Record(act, actor, target, outcome, detail, client);
}

void Auditor::Record(std::string_view act, std::string_view actor, std::string_view target, std::string_view outcome,
                     std::string_view detail, std::string_view client) {
  log_->Record({.act = std::string(act),
                .actor = std::string(actor),
                .client = std::string(client),
                .target = std::string(target),
                .outcome = std::string(outcome),
                .detail = std::string(detail)});
}

bool Auditor::Bound::Pass(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (now - window_ >= std::chrono::seconds(1)) {
    window_ = now;
    entered_ = 0;
  }
  if (++entered_ <= kBoundPerSecond) return true;
  ++passed_over_;
  return false;
}

std::uint64_t Auditor::Bound::TakePassedOver() {
  const std::lock_guard lock(mutex_);
  return std::exchange(passed_over_, 0);
}

void Auditor::EnterBounded(Bound& bound, const KeyUse& use, std::string_view outcome) {
  if (!log_ || !bound.Pass(clock_.Now())) return;
  Enter(bound.act, use.holder.empty() ? "unknown" : use.holder, use.path.substr(0, 200), outcome, use.detail, use.client);
}

void Auditor::EnterRefused(const CallEnd& end) {
  if (end.status != 401 && end.status != 403) return;
  EnterRefused(KeyUse{.holder = end.record != nullptr ? end.record->tenant.view() : std::string_view(),
                      .client = end.peer,
                      .path = end.path,
                      .detail = end.message});
}

void Auditor::EnterRefused(const KeyUse& use) { EnterBounded(refusals_, use, "refused"); }

void Auditor::EnterAdmin(const KeyUse& use) { EnterBounded(admin_, use, "ok"); }

void Auditor::EnterSilence(std::string_view act, const KeyUse& use, std::string_view outcome) {
  // Many may wait while the disk does; what is left out stands in the log's event silence_changed.
  std::string_view detail = use.detail.substr(0, kLongestDetail);
  detail.remove_suffix(IncompleteUtf8Suffix(detail));
  Enter(act, use.holder, use.path, outcome, detail, use.client);
}

void Auditor::EnterTest(const KeyUse& use, std::string_view outcome) { EnterBounded(tests_, use, outcome); }

}  // namespace inferd::daemon
