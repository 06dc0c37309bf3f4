// A collector reads one source (a driver, a file system, a kernel file) and makes families of it; the runner calls each with its own
// period, on a thread of its own, and keeps what it made. A scrape copies what was kept: it waits for no device, no file and no collector.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::metrics {

using Families = std::vector<prometheus::MetricFamily>;

// Where a library part says once what an operator should know; the daemon makes a log line of it. Called from any thread.
enum class NoteLevel : std::uint8_t { kInfo, kWarning };
using NoteSink = std::function<void(NoteLevel level, const std::string& note)>;

// Used by the runner's thread alone.
class Collector {
 public:
  virtual ~Collector() = default;
  // Value of the label collector; one of the catalogue's.
  virtual std::string_view name() const = 0;
  // One sample, made at `now`. An error means that the source could not be read; what is in `families` then is shown all the same.
  virtual Result<> Collect(MonotonicTime now, Families& families) = 0;
};

// How a collector's last run went.
struct CollectorState {
  std::string_view name;
  std::string fault;  // empty when it succeeded
  Duration duration{};
};

class CollectorRunner final : public prometheus::Collectable {
 public:
  // `clock` must outlive the runner. `note` hears of a collector that begins to fail, or to work again; it may be empty.
  explicit CollectorRunner(const Clock& clock, NoteSink note = {});
  ~CollectorRunner() override;
  CollectorRunner(const CollectorRunner&) = delete;
  CollectorRunner& operator=(const CollectorRunner&) = delete;

  // Before Start. Collectors that are due together run in the order in which they were added.
  void Add(std::unique_ptr<Collector> collector, Duration period);

  // The thread. Stop waits for the collector that runs at the moment, and may be called twice.
  void Start();
  void Stop();

  // Runs what is due at `now`; each collector is due at once, then once in its period. One that was late is not run twice to catch up.
  // For tests and programs without the thread: never call it while the thread runs. After Stop it does nothing.
  void RunDue(MonotonicTime now);

  // What the collectors last made, and their own duration and success. Any thread.
  Families Collect() const override;
  // Of those that have run. Any thread.
  std::vector<CollectorState> States() const;

 private:
  struct Entry {
    std::unique_ptr<Collector> collector;
    Duration period{};
    MonotonicTime due{};

    // Of the last run; published under mutex_.
    std::optional<Status> fault;
    std::shared_ptr<const Families> families;
    Duration duration{};
    bool ran = false;
  };
  void RunOne(Entry& entry, MonotonicTime now);
  void Loop();

  const Clock& clock_;
  NoteSink note_;
  std::vector<Entry> entries_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace inferd::metrics
