#include "logging/log.h"

#include <spdlog/logger.h>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "logging/output.h"
#include "runtime/base/thread.h"

namespace inferd::logging {
namespace {

constexpr Duration kWindow = std::chrono::seconds(10);
constexpr auto kTick = std::chrono::milliseconds(250);

// What the writer takes out of the queue at once. More would keep the makers of lines waiting for its lock.
constexpr std::size_t kLinesAtOnce = 16;
// A text's memory goes round through the queue. Room for an access line, so that it is not made bit by bit; what a very long one took is
// not kept.
constexpr std::size_t kBytes = 768;
constexpr std::size_t kKeptBytes = 4096;

}  // namespace

// What the writer's thread touches: it may have to outlive the log.
struct Log::Backend {
  explicit Backend(const LogOptions& options) : queue(options.queue, options.nap, options.naps) {}

  void Hand(const LineQueue::Entry& entry) {
    logger->log(entry.time, spdlog::source_loc{}, static_cast<spdlog::level::level_enum>(entry.level),
                spdlog::string_view_t(entry.bytes.data(), entry.bytes.size()));
  }
  void Run() {
    const ThreadSetup setup("log");
    std::array<LineQueue::Entry, kLinesAtOnce> batch;
    for (LineQueue::Taken taken; queue.Take(batch, taken);) {
      for (std::size_t i = 0; i < taken.lines; ++i) {
        Hand(batch[i]);
        if (batch[i].bytes.capacity() > kKeptBytes) std::string().swap(batch[i].bytes);
      }
      if (taken.look_after) logger->flush();
    }
  }

  LineQueue queue;
  std::shared_ptr<spdlog::logger> logger;
  Outputs outputs;
  std::thread writer;
  Backend* left_before = nullptr;  // the one before it that ~Log had to leave behind
};

Log::Log(const Clock& clock, LogCounters& counters, Levels levels, LogOptions options)
    : clock_(clock), counters_(counters), backend_(std::make_unique<Backend>(options)), keeps_(options.keeper) {
  SetLevels(levels);
}

Log::~Log() {
  if (Stop(std::chrono::seconds(2))) return;
  // The thread that waits inside an output, perhaps for ever, needs what is behind it; joining it would be to wait with it.
  // In a chain, so that a leak checker sees that all of them are meant; a plain pointer is optimised away.
  static std::atomic<Backend*> left_behind;
  Backend* const mine = backend_.release();
  if (mine->writer.joinable()) mine->writer.detach();
  mine->left_before = left_behind.exchange(mine);
}

void Log::Add(Outputs outputs) {
  backend_->logger = std::make_shared<spdlog::logger>("inferd", outputs.begin(), outputs.end());
  backend_->logger->set_level(spdlog::level::trace);
  // An output threw: no memory, most likely.
  backend_->logger->set_error_handler([counters = &counters_](const std::string&) { counters->Drop(DropReason::kInternal); });
  backend_->outputs = std::move(outputs);
  backend_->writer = std::thread([backend = backend_.get()] { backend->Run(); });
  if (keeps_) keeper_ = std::thread([this] { Keep(); });
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

LineQueue::Entry& Log::Scratch() {
  thread_local LineQueue::Entry entry;
  entry.bytes.clear();
  entry.bytes.reserve(kBytes);
  return entry;
}

void Log::Submit(LineQueue::Entry& entry) {
  counters_.lines[static_cast<std::size_t>(entry.level)].fetch_add(1, std::memory_order_relaxed);
  entry.time = clock_.WallNow();
  switch (backend_->queue.Put(entry)) {
    case LineQueue::Stage::kQueued: return;
    case LineQueue::Stage::kAbandoned: return counters_.Drop(DropReason::kBlocked);
    case LineQueue::Stage::kDirect: return HandAtOnce(entry);
  }
}

void Log::HandAtOnce(LineQueue::Entry& entry) {
  // An output that is in trouble tells the log so, from within. Its lock is held then, and `entry` is Scratch().
  thread_local bool inside = false;
  if (inside) return counters_.Drop(DropReason::kBlocked);
  inside = true;
  const LineQueue::Entry line = std::exchange(entry, {});
  backend_->Hand(line);
  inside = false;
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
  const std::uint64_t lost_so_far = backend_->queue.lost();
  if (lost_so_far > lost_reported_) {
    const std::uint64_t lost = lost_so_far - std::exchange(lost_reported_, lost_so_far);
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
  backend_->queue.LookAfter();
}

void Log::Reopen() {
  for (const auto& output : backend_->outputs) output->Reopen();
}

bool Log::Drain(Duration patience) const { return backend_->queue.Drain(patience); }

std::size_t Log::Unwritten() const { return backend_->queue.unwritten(); }

bool Log::Stop(Duration patience) {
  if (const auto stage = backend_->queue.stage(); stage != LineQueue::Stage::kQueued) return stage == LineQueue::Stage::kDirect;
  {
    const std::lock_guard lock(keeper_mutex_);
    keeper_stop_ = true;
  }
  keeper_woken_.notify_all();
  if (keeper_.joinable()) keeper_.join();
  Tick();  // what was lost at the end
  if (!backend_->queue.Stop(patience)) return false;
  if (backend_->writer.joinable()) backend_->writer.join();
  return true;
}

}  // namespace inferd::logging
