#include "logging/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>

#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "logging/output.h"
#include "runtime/base/thread.h"

namespace inferd::logging {
namespace {

constexpr Duration kWindow = std::chrono::seconds(10);
constexpr auto kTick = std::chrono::milliseconds(250);

// Counts what has passed through the queue: lines, and calls to look after the outputs. Stands last among the sinks.
class Turnstile final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg&) override { passed_.fetch_add(1, std::memory_order_release); }
  void flush() override { calls_.fetch_add(1, std::memory_order_release); }
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
  std::uint64_t passed() const { return passed_.load(std::memory_order_acquire); }
  std::uint64_t calls() const { return calls_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint64_t> passed_{0};
  std::atomic<std::uint64_t> calls_{0};
};

}  // namespace

struct Log::Backend {
  explicit Backend(std::size_t queue)
      : pool(std::make_shared<spdlog::details::thread_pool>(queue, 1, [] { ThreadSetup::ForThisThread("log"); })),
        turnstile(std::make_shared<Turnstile>()) {}

  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<Turnstile> turnstile;
  std::shared_ptr<spdlog::async_logger> logger;
  Outputs outputs;
  std::atomic<std::uint64_t> taken{0};  // lines that were or will be put into the queue
  Backend* left_before = nullptr;       // the one before it that ~Log had to leave behind

  // What is said before the outputs are there, by one that is being made: its file cannot be opened. Kept for all of them.
  std::mutex early_mutex;
  std::vector<std::pair<Level, std::string>> early;
  std::atomic<bool> added{false};
  bool KeepEarly(Level level, const std::string& bytes) {
    if (added.load(std::memory_order_acquire)) return false;
    const std::lock_guard lock(early_mutex);
    if (added.load(std::memory_order_relaxed)) return false;
    early.emplace_back(level, bytes);
    return true;
  }

  // At most one call to look after the outputs is on its way. A queue that overruns may throw it out, which is no lost line.
  std::uint64_t calls = 0;
  std::uint64_t calls_lost = 0;
  bool CallUnderway() const { return turnstile->calls() + calls_lost < calls; }
  // Lines that the queue has thrown out; one fewer while that may have been the call.
  std::uint64_t LinesLost() {
    const std::uint64_t thrown_out = pool->overrun_counter();
    const std::uint64_t passed = turnstile->passed();
    if (CallUnderway() && passed + thrown_out - calls_lost > taken.load(std::memory_order_acquire)) ++calls_lost;
    return thrown_out - calls_lost - (CallUnderway() && thrown_out > calls_lost ? 1 : 0);
  }
  bool Idle() { return turnstile->passed() + LinesLost() >= taken.load(std::memory_order_acquire); }
};

Log::Log(const Clock& clock, LogCounters& counters, Levels levels, LogOptions options)
    : clock_(clock), counters_(counters), backend_(std::make_unique<Backend>(options.queue)), keeps_(options.keeper) {
  SetLevels(levels);
}

Log::~Log() {
  if (Stop(std::chrono::seconds(2))) return;
  // The thread that waits inside an output, perhaps for ever, needs what is behind it; joining it would be to wait with it.
  // In a chain, so that a leak checker sees that all of them are meant; a plain pointer is optimised away.
  static std::atomic<Backend*> left_behind;
  Backend* const mine = backend_.release();
  mine->left_before = left_behind.exchange(mine);
}

void Log::Add(Outputs outputs) {
  std::vector<spdlog::sink_ptr> sinks(outputs.begin(), outputs.end());
  sinks.push_back(backend_->turnstile);
  auto logger = std::make_shared<spdlog::async_logger>("inferd", sinks.begin(), sinks.end(), backend_->pool,
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(spdlog::level::trace);
  // An output threw: no memory, most likely.
  logger->set_error_handler([counters = &counters_](const std::string&) { counters->Drop(DropReason::kInternal); });
  backend_->logger = std::move(logger);
  backend_->outputs = std::move(outputs);
  std::vector<std::pair<Level, std::string>> early;
  {
    const std::lock_guard lock(backend_->early_mutex);
    backend_->added = true;
    early.swap(backend_->early);
  }
  for (auto& [level, bytes] : early) Submit(level, bytes);
  if (keeps_ && !keeper_.joinable()) keeper_ = std::thread([this] { Keep(); });
}

void Log::Keep() {
  const ThreadSetup thread("log-tick");
  std::unique_lock lock(keeper_mutex_);
  while (!keeper_woken_.wait_for(lock, kTick, [this] { return keeper_stop_; })) {
    lock.unlock();
    Tick();
    lock.lock();
  }
}

void Log::SetLevels(const Levels& levels) {
  for (std::size_t i = 0; i < kComponents; ++i) levels_[i] = static_cast<std::uint8_t>(levels.components[i].value_or(levels.all));
}

std::string& Log::Scratch() {
  thread_local std::string bytes;
  bytes.clear();
  return bytes;
}

void Log::Submit(Level level, std::string& bytes) {
  if (backend_->KeepEarly(level, bytes)) return;
  counters_.lines[static_cast<std::size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  const auto library_level = static_cast<spdlog::level::level_enum>(level);
  const spdlog::string_view_t payload(bytes.data(), bytes.size());
  switch (stage_.load(std::memory_order_acquire)) {
    case Stage::kQueued:
      backend_->taken.fetch_add(1, std::memory_order_release);
      backend_->logger->log(clock_.WallNow(), spdlog::source_loc{}, library_level, payload);
      return;
    case Stage::kAbandoned: return counters_.Drop(DropReason::kBlocked);
    case Stage::kDirect: break;
  }
  const spdlog::details::log_msg message(clock_.WallNow(), spdlog::source_loc{}, "inferd", library_level, payload);
  for (const auto& output : backend_->outputs) output->log(message);
}

bool Log::Allow(std::size_t event) {
  Repeats& repeats = repeats_[event];
  const std::int64_t now = clock_.Now().time_since_epoch().count();
  std::int64_t begin = repeats.window.load(std::memory_order_relaxed);
  if (begin == INT64_MIN || now - begin >= kWindow.count()) {
    // One thread begins the next window and tells of the last one.
    if (repeats.window.compare_exchange_strong(begin, now, std::memory_order_relaxed)) {
      repeats.written.store(0, std::memory_order_relaxed);
      ReportLeftOut(event);
    }
  }
  if (repeats.written.fetch_add(1, std::memory_order_relaxed) < AllEvents::kInfos[event]->type.burst) return true;
  repeats.left_out.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void Log::ReportLeftOut(std::size_t event) {
  if (const std::uint64_t n = repeats_[event].left_out.exchange(0, std::memory_order_relaxed); n > 0) {
    Write(LinesLeftOut{.left_out = AllEvents::kInfos[event]->type.name, .lines = n});
  }
}

void Log::Tick() {
  const WallTime now = clock_.WallNow();
  const std::uint64_t overrun = backend_->LinesLost();
  if (overrun > overrun_reported_) {
    const std::uint64_t lost = overrun - overrun_reported_;
    overrun_reported_ = overrun;
    counters_.Drop(DropReason::kQueueFull, lost);
    Write(LinesLost{.lines = lost,
                    .reason = DropReasonName(DropReason::kQueueFull),
                    .where = "queue",
                    .during = ticked_ == WallTime{} ? Duration{} : now - ticked_});
  }
  ticked_ = now;
  const std::int64_t monotonic = clock_.Now().time_since_epoch().count();
  for (std::size_t i = 0; i < kEvents; ++i) {
    const std::int64_t begin = repeats_[i].window.load(std::memory_order_relaxed);
    if (begin != INT64_MIN && monotonic - begin >= kWindow.count()) ReportLeftOut(i);
  }
  // The outputs' thread looks after them. With lines on their way there is no need, and one call is enough.
  if (!backend_->CallUnderway() && backend_->Idle()) {
    ++backend_->calls;
    backend_->logger->flush();
  }
}

void Log::Reopen() {
  for (const auto& output : backend_->outputs) output->Reopen();
}

bool Log::Drain(Duration patience) const {
  const auto until = std::chrono::steady_clock::now() + patience;
  const std::uint64_t taken = backend_->taken.load(std::memory_order_acquire);
  while (backend_->turnstile->passed() + backend_->pool->overrun_counter() < taken) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

bool Log::Stop(Duration patience) {
  if (stage_ != Stage::kQueued) return stage_ == Stage::kDirect;
  {
    const std::lock_guard lock(keeper_mutex_);
    keeper_stop_ = true;
  }
  keeper_woken_.notify_all();
  if (keeper_.joinable()) keeper_.join();
  if (backend_->logger) Tick();  // what was lost at the end
  const bool drained = Drain(patience);
  stage_.store(drained ? Stage::kDirect : Stage::kAbandoned, std::memory_order_release);
  // Writes what came in between first. The library's front holds it weakly: who has it still in hand is waited for.
  if (drained) backend_->pool.reset();
  return drained;
}

}  // namespace inferd::logging
