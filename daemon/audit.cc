#include "daemon/audit.h"

#include <chrono>
#include <utility>

#include "daemon/log.h"

namespace inferd::daemon {
namespace {

constexpr int kRefusedPerSecond = 10;

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
  log_->Record({.act = std::string(act),
                .actor = std::string(actor),
                .client = std::string(client),
                .target = std::string(target),
                .outcome = std::string(outcome),
                .detail = std::string(detail)});
}

void Auditor::EnterRefused(const CallEnd& end) {
  if (!log_ || (end.status != 401 && end.status != 403)) return;
  std::string detail(end.message);
  {
    const std::lock_guard lock(mutex_);
    const MonotonicTime now = clock_.Now();
    if (now - window_ >= std::chrono::seconds(1)) {
      window_ = now;
      entered_ = 0;
    }
    if (++entered_ > kRefusedPerSecond) {
      ++passed_over_;
      return;
    }
    if (const std::uint64_t more = std::exchange(passed_over_, 0); more > 0) {
      detail += "; " + std::to_string(more) + " more refusals before it were not entered";
    }
  }
  const std::string_view tenant = end.record != nullptr ? end.record->tenant.view() : std::string_view();
  Enter("authentication", tenant.empty() ? "unknown" : tenant, end.path.substr(0, 200), "refused", detail, end.peer);
}

}  // namespace inferd::daemon
