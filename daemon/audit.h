// What the daemon enters into its audit log (logging/audit.h). Nothing happens when none is configured. Any thread; nothing waits for the
// disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "config/config.h"
#include "daemon/api/api.h"
#include "logging/audit.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

class Auditor {
 public:
  // The clock outlives this.
  explicit Auditor(const Clock& clock) : clock_(clock) {}

  // kIo or kCorrupt when there is a file that cannot be gone on with. Before anything is entered.
  Result<> Open(const config::Logs::Audit& config);
  void Close();

  // By whom: "daemon", a signal, the name of a key.
  void Enter(std::string_view act, std::string_view actor, std::string_view target, std::string_view outcome, std::string_view detail = {},
             std::string_view client = {});

  // Acts that are not yet in the file; 0 when none is configured.
  std::size_t waiting() const { return log_ ? log_->waiting() : 0; }

  // What somebody asked, and with whose key; empty when the key is nobody's.
  struct KeyUse {
    std::string_view holder = {};
    std::string_view client = {};
    std::string_view path = {};
    std::string_view detail = {};
  };
  // A call that was refused for its key, or for having none, on either plane. Somebody who tries many keys fills the log with ten lines a
  // second and a count.
  void EnterRefused(const CallEnd& end);
  void EnterRefused(const KeyUse& use);
  // A key has opened what only an administrator may see or do. As bounded as refusals, and apart from them: who tries many keys cannot hide
  // it.
  void EnterAdmin(const KeyUse& use);
  // Somebody was let set or end a silence, `use.path` its id: each is entered, because nobody is told of what it silences. Or let try a
  // notifier, `use.path` its name: as bounded as refusals, and apart from them.
  void EnterSilence(std::string_view act, const KeyUse& use, std::string_view outcome);
  void EnterTest(const KeyUse& use, std::string_view outcome);

 private:
  // At most so many acts of one kind in a second; how many were passed over is entered before the next act of any kind.
  class Bound {
   public:
    explicit Bound(std::string_view name) : act(name) {}
    const std::string_view act;

    // False when this one is passed over.
    bool Pass(MonotonicTime now);
    std::uint64_t TakePassedOver();

   private:
    std::mutex mutex_;
    MonotonicTime window_{};
    int entered_ = 0;  // in this second
    std::uint64_t passed_over_ = 0;
  };

  void EnterBounded(Bound& bound, const KeyUse& use, std::string_view outcome);
  void Record(std::string_view act, std::string_view actor, std::string_view target, std::string_view outcome, std::string_view detail,
              std::string_view client);

  const Clock& clock_;
  logging::FileCalls files_;
  std::unique_ptr<logging::AuditLog> log_;
  Bound refusals_{"authentication"};
  Bound admin_{"admin_access"};
  Bound tests_{"notifier_test"};
};

}  // namespace inferd::daemon
