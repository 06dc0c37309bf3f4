// What a log line costs. logs_bench FOLDER prints one JSON object.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "logging/log.h"
#include "logging/output.h"

namespace {

using namespace inferd;
using namespace inferd::logging;
using SteadyClock = std::chrono::steady_clock;

double Seconds(SteadyClock::time_point since) { return std::chrono::duration<double>(SteadyClock::now() - since).count(); }

// The line that a served request makes, by far the most frequent one.
RequestEnded Event() {
  RequestEnded event;
  event.method = "POST";
  event.path = "/v1/chat/completions";
  event.status = 200;
  event.outcome = "stop";
  event.total = std::chrono::milliseconds(412);
  event.queue = std::chrono::microseconds(310);
  event.first_token = std::chrono::milliseconds(31);
  event.prefill = std::chrono::milliseconds(30);
  event.decode = std::chrono::milliseconds(381);
  event.prompt_tokens = 64;
  event.cached_prompt_tokens = 0;
  event.generated_tokens = 48;
  event.stream = true;
  event.priority = "normal";
  event.client = "127.0.0.1";
  event.user_agent = "OpenAI/JS 4.0";
  event.span_id = "b7ad6b7169203331";
  return event;
}

constexpr About kAbout{.request_id = "req-0123456789abcdef01234567", .trace_id = "0af7651916cd43dd8448eb211c80319c", .model = "demo"};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The processor time of this thread alone: what the caller pays.
double ThreadSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  const SystemClock clock;
  FileCalls calls;
  const RequestEnded event = Event();

  // Lines that the front takes from one thread as fast as it can, whatever becomes of them behind it.
  std::vector<double> accepted, cost;
  std::uint64_t dropped = 0;
  constexpr int kLines = 300'000;
  for (int round = 0; round < 5; ++round) {
    LogCounters counters;
    Log log(clock, counters, {});
    const std::string path = folder + "/burst.log";
    log.Add({std::make_shared<FileOutput>(RotateOptions{.path = path, .max_bytes = 0}, clock, calls, counters, [](const std::string&) {})});
    const auto begin = SteadyClock::now();
    const double cpu = ThreadSeconds();
    for (int i = 0; i < kLines; ++i) log.Write(event, kAbout);
    cost.push_back((ThreadSeconds() - cpu) / kLines);
    accepted.push_back(kLines / Seconds(begin));
    log.Stop(std::chrono::seconds(60));
    dropped += counters.dropped[static_cast<std::size_t>(DropReason::kQueueFull)];
    std::filesystem::remove(path);
  }

  // Lines that reach the file when the writer waits for room in the queue, so that none is lost.
  std::vector<double> written;
  std::uint64_t bytes = 0;
  for (int round = 0; round < 3; ++round) {
    LogCounters counters;
    const std::string path = folder + "/steady.log";
    Log log(clock, counters, {});
    log.Add({std::make_shared<FileOutput>(RotateOptions{.path = path, .max_bytes = 0}, clock, calls, counters, [](const std::string&) {})});
    const auto begin = SteadyClock::now();
    for (int i = 0; i < kLines; ++i) {
      log.Write(event, kAbout);
      if (i % 4096 == 0) log.Drain(std::chrono::seconds(60));
    }
    log.Drain(std::chrono::seconds(60));
    written.push_back(kLines / Seconds(begin));
    log.Stop(std::chrono::seconds(60));
    bytes = counters.bytes / kLines;
    std::filesystem::remove(path);
  }

  // A line when nothing else is going on in the log: the thread behind the queue naps, and what the line needs has left the caches, more of
  // it the longer the pause and the busier the machine. Without naps: the first line after ten seconds' silence has to wake that thread.
  // Reading a thread's clock is a system call, whose cost is taken off.
  struct Alone {
    double cpu = 0, wall = 0;
  };
  const auto alone = [&](Duration pause, int naps) {
    LogCounters counters;
    Log log(clock, counters, {}, {.naps = naps});
    log.Add(
        {std::make_shared<FileOutput>(RotateOptions{.path = folder + "/alone.log"}, clock, calls, counters, [](const std::string&) {})});
    std::vector<double> cpu, wall, reading;
    for (int i = 0; i < 500; ++i) {
      std::this_thread::sleep_for(pause);
      const double zero = ThreadSeconds();
      const double begin_cpu = ThreadSeconds();
      const auto begin = SteadyClock::now();
      log.Write(event, kAbout);
      wall.push_back(Seconds(begin));
      const double end_cpu = ThreadSeconds();
      reading.push_back(begin_cpu - zero);
      cpu.push_back(end_cpu - begin_cpu);
    }
    log.Stop(std::chrono::seconds(60));
    return Alone{.cpu = Median(cpu) - Median(reading), .wall = Median(wall)};
  };
  const Alone idle = alone(std::chrono::milliseconds(1), LineQueue::kNaps);
  const Alone rare = alone(std::chrono::milliseconds(20), LineQueue::kNaps);
  const Alone silent = alone(std::chrono::milliseconds(20), 0);

  std::printf(
      "{\"accepted_lines_per_second\": %.0f, \"caller_cpu_microseconds\": %.3f, \"dropped_of_accepted\": %.3f, "
      "\"written_lines_per_second\": %.0f, \"bytes_per_line\": %llu, \"idle_microseconds\": %.3f, \"idle_cpu_microseconds\": %.3f, "
      "\"rare_microseconds\": %.3f, \"rare_cpu_microseconds\": %.3f, \"silent_microseconds\": %.3f, \"silent_cpu_microseconds\": %.3f}\n",
      Median(accepted), Median(cost) * 1e6, static_cast<double>(dropped) / (5.0 * kLines), Median(written),
      static_cast<unsigned long long>(bytes), idle.wall * 1e6, idle.cpu * 1e6, rare.wall * 1e6, rare.cpu * 1e6, silent.wall * 1e6,
      silent.cpu * 1e6);
  return 0;
}
