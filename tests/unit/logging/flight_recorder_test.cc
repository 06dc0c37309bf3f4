#include "logging/flight_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace inferd::logging {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<std::string> kModels{"demo", "other"};
const MonotonicTime kBegin{seconds(1000)};

engine::StepRecord Step(std::uint64_t number, Duration after) {
  engine::StepRecord step;
  step.number = number;
  step.start = kBegin + after;
  step.plan = milliseconds(1);
  step.forward = milliseconds(7);
  step.sample = milliseconds(2);
  step.queue_depth = 3;
  return step;
}

TraceWindow Window() { return {.begin = kBegin, .end = kBegin + seconds(1), .wall_begin = WallTime(seconds(1'700'000'000))}; }

engine::RequestRecord Request(const std::string& id, Duration after) {
  engine::RequestRecord record;
  record.id = std::string_view(id);
  record.received = kBegin + after;
  record.admitted = record.received + milliseconds(1);
  record.scheduled = record.received + milliseconds(5);
  record.first_token = record.received + milliseconds(15);
  record.last_token = record.received + milliseconds(35);
  record.ended = record.received + milliseconds(36);
  record.outcome = engine::Outcome::kStop;
  return record;
}

TEST(FlightRecorder, KeepsTheLastOnes) {
  FlightRecorder recorder(3, 2);
  for (std::uint64_t i = 1; i <= 5; ++i) recorder.OnStep(Step(i, milliseconds(10) * i));
  for (int i = 1; i <= 3; ++i) recorder.OnRequest(Request("r" + std::to_string(i), milliseconds(i)));
  const auto steps = recorder.Steps();
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps.front().number, 3U);
  EXPECT_EQ(steps.back().number, 5U);
  EXPECT_EQ(recorder.Requests().size(), 2U);
  EXPECT_TRUE(recorder.Find("r3"));
  EXPECT_FALSE(recorder.Find("r1"));
  EXPECT_EQ(recorder.Steps(kBegin + milliseconds(45)).size(), 2U);
  std::vector<std::uint64_t> newest;
  recorder.LastStepsUnlocked(2, [&](const engine::StepRecord& step) { newest.push_back(step.number); });
  EXPECT_EQ(newest, (std::vector<std::uint64_t>{5, 4}));
}

// The Trace Event Format: what its viewers insist on.
TEST(ChromeTrace, IsWhatViewersOpen) {
  std::vector<engine::StepRecord> steps;
  for (std::uint64_t i = 1; i <= 50; ++i) steps.push_back(Step(i, milliseconds(10) * i + std::chrono::nanoseconds(123'457) * i));
  for (engine::StepRecord& step : steps) {
    step.workers = 2;
    step.worker_busy = {9000, 5000};
  }
  engine::RequestRecord running = Request("req-3", milliseconds(7));
  running.ended = running.last_token = MonotonicTime{};
  const std::vector<engine::RequestRecord> requests{Request("req-\"1\"\n", milliseconds(20)), Request("req-2", milliseconds(5)), running};
  const json trace = json::parse(ChromeTrace(steps, requests, kModels, Window()));
  EXPECT_EQ(trace["otherData"]["begin"], "2023-11-14T22:13:20.000000Z");
  std::set<std::pair<int, int>> named, used;
  std::map<std::pair<int, int>, std::vector<std::pair<double, double>>> open;  // of each track: begin, end
  double last = 0;
  std::set<int> waiting;
  for (const json& event : trace["traceEvents"]) {
    const std::pair<int, int> track{event["pid"], event["tid"]};
    const std::string phase = event["ph"];
    if (phase == "M") {
      if (event["name"] == "thread_name") named.insert(track);
      continue;
    }
    ASSERT_TRUE(phase == "X" || phase == "C" || phase == "b" || phase == "e") << phase;
    const double at = event["ts"];
    EXPECT_GE(at, last) << "not in order";
    last = at;
    used.insert(track);
    if (phase == "b") {
      EXPECT_TRUE(waiting.insert(event["id"].get<int>()).second);
      continue;
    }
    if (phase == "e") {
      EXPECT_EQ(waiting.erase(event["id"].get<int>()), 1U) << "ends without having begun";
      continue;
    }
    if (phase == "C") {
      EXPECT_TRUE(event["args"]["value"].is_number());
      continue;
    }
    const double end = at + event["dur"].get<double>();
    EXPECT_GE(event["dur"].get<double>(), 0);
    // On one track an event lies inside the one before it or behind it, for viewers that add floating-point numbers.
    auto& stack = open[track];
    while (!stack.empty() && stack.back().second < at) stack.pop_back();
    if (!stack.empty()) {
      EXPECT_LT(end, stack.back().second) << event.dump();
    }
    stack.emplace_back(at, end);
  }
  for (const auto& track : used) EXPECT_TRUE(named.contains(track)) << track.first << " " << track.second;
  EXPECT_TRUE(waiting.empty());
}

TEST(ChromeTrace, CutsOffWhatWasBefore) {
  const std::vector<engine::StepRecord> steps{Step(1, milliseconds(-100)), Step(2, milliseconds(-5))};
  const json trace = json::parse(ChromeTrace(steps, {}, kModels, Window()));
  int complete = 0;
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    ++complete;
    EXPECT_GE(event["ts"].get<double>(), 0);
  }
  EXPECT_EQ(complete, 3);  // the second step, its forward pass and its sampling
}

TEST(ChromeTrace, ShowsHowBusyEachWorkerWas) {
  std::vector<engine::StepRecord> steps{Step(1, milliseconds(10)), Step(2, milliseconds(20))};
  steps[1].model = 1;
  for (engine::StepRecord& step : steps) {
    step.workers = 2;
    step.worker_busy = {9000, 5000};
  }
  const json trace = json::parse(ChromeTrace(steps, {}, kModels, Window()));
  std::map<std::string, int> tracks;
  for (const json& event : trace["traceEvents"]) {
    if (event["name"] == "thread_name") tracks[event["args"]["name"]] = event["tid"];
  }
  ASSERT_TRUE(tracks.contains("worker 2 (demo)"));
  EXPECT_TRUE(tracks.contains("worker 1 (other)"));
  int shown = 0;
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] != "X" || event["tid"] != tracks["worker 2 (demo)"]) continue;
    ++shown;
    EXPECT_EQ(event["name"], "50 % busy");
    EXPECT_EQ(event["ts"], 11000.0) << "the forward pass, behind the plan";
    EXPECT_EQ(event["args"]["busy_us"], 3500);
    EXPECT_EQ(event["args"]["step"], 1);
  }
  EXPECT_EQ(shown, 1);
}

TEST(ChromeTrace, ShowsWhatStillRunsUpToNow) {
  engine::RequestRecord decoding = Request("decoding", milliseconds(100));
  decoding.ended = decoding.last_token = MonotonicTime{};
  engine::RequestRecord queued = Request("queued", milliseconds(200));
  queued.ended = queued.last_token = queued.first_token = queued.scheduled = MonotonicTime{};
  const json trace = json::parse(ChromeTrace({}, std::vector{decoding, queued}, kModels, Window()));
  std::map<std::string, json> found;  // by track and name
  std::map<std::string, double> waited;
  std::map<int, std::string> who;
  for (const json& event : trace["traceEvents"]) {
    if (event["name"] == "thread_name" && event["pid"] == 2) who[event["tid"]] = event["args"]["name"];
    if (event["ph"] == "X") found[who[event["tid"]] + " " + event["name"].get<std::string>()] = event;
    if (event["ph"] == "b") waited[who[event["id"]]] -= event["ts"].get<double>();
    if (event["ph"] == "e") waited[who[event["id"]]] += event["ts"].get<double>();
  }
  ASSERT_TRUE(found.contains("decoding running") && found.contains("queued running"));
  EXPECT_EQ(found["decoding running"]["args"]["running"], true);
  EXPECT_NEAR(found["decoding running"]["dur"].get<double>(), 900'000, 1);
  EXPECT_NEAR(found["decoding decode"]["dur"].get<double>(), 885'000, 1);
  EXPECT_NEAR(found["queued queue"]["dur"].get<double>(), 799'000, 1);
  EXPECT_FALSE(found.contains("queued prefill"));
  EXPECT_NEAR(waited["decoding"], 4'000, 1);
  EXPECT_NEAR(waited["queued"], 799'000, 1);
}

TEST(ChromeTrace, MarksPreemptionsOnTheRequestsTrack) {
  engine::RequestRecord request = Request("r", milliseconds(1));
  request.preempted[0] = request.received + milliseconds(20);
  const json trace = json::parse(ChromeTrace({}, std::vector{request}, kModels, Window()));
  int marks = 0;
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] != "i") continue;
    ++marks;
    EXPECT_EQ(event["name"], "preempted");
    EXPECT_EQ(event["ts"], 21000.0);
    EXPECT_EQ(event["s"], "t");
    EXPECT_EQ(event["pid"], 2);
    EXPECT_EQ(event["tid"], 1);
  }
  EXPECT_EQ(marks, 1);
}

TEST(RequestJson, SaysWhenAndHowLong) {
  engine::RequestRecord record = Request("r", milliseconds(0));
  record.received_wall = WallTime(seconds(1'700'000'000));
  std::string text;
  AppendRequestJson(record, "demo", kBegin + seconds(1), text);
  const json parsed = json::parse(text);
  EXPECT_EQ(parsed["request_id"], "r");
  EXPECT_EQ(parsed["received"], "2023-11-14T22:13:20.000000Z");
  EXPECT_EQ(parsed["queue_seconds"], 0.004);
  EXPECT_EQ(parsed["first_token_seconds"], 0.015);
  EXPECT_EQ(parsed["total_seconds"], 0.036);
  record.first_token = MonotonicTime{};
  text.clear();
  AppendRequestJson(record, "demo", kBegin + seconds(1), text);
  EXPECT_FALSE(json::parse(text).contains("first_token_seconds"));
}

TEST(RequestJson, SaysOfARunningOneWhereItIsAndSinceWhen) {
  const auto at = [](engine::RequestRecord record) {
    record.ended = MonotonicTime{};
    std::string text;
    AppendRequestJson(record, "demo", kBegin + seconds(1), text);
    return json::parse(text);
  };
  engine::RequestRecord record = Request("r", milliseconds(0));
  record.generated_tokens = 7;
  json decode = at(record);
  EXPECT_EQ(decode["running"], true);
  EXPECT_EQ(decode["stage"], "decode");
  EXPECT_EQ(decode["generated_tokens"], 7);
  EXPECT_EQ(decode["age_seconds"], ToSeconds(kBegin + seconds(1) - record.received));
  EXPECT_EQ(decode["since_last_token_seconds"], ToSeconds(kBegin + seconds(1) - record.last_token));
  EXPECT_EQ(decode["decode_seconds"], ToSeconds(kBegin + seconds(1) - record.first_token));
  for (const char* of_ended : {"total_seconds", "outcome", "status", "cached_prompt_tokens", "preemptions"})
    EXPECT_FALSE(decode.contains(of_ended)) << of_ended;

  record.first_token = record.last_token = MonotonicTime{};
  const json prefill = at(record);
  EXPECT_EQ(prefill["stage"], "prefill");
  EXPECT_EQ(prefill["prefill_seconds"], ToSeconds(kBegin + seconds(1) - record.scheduled));
  for (const char* later : {"first_token_seconds", "decode_seconds", "since_last_token_seconds"})
    EXPECT_FALSE(prefill.contains(later)) << later;

  record.scheduled = MonotonicTime{};
  const json queued = at(record);
  EXPECT_EQ(queued["stage"], "queued");
  EXPECT_EQ(queued["queue_seconds"], ToSeconds(kBegin + seconds(1) - record.admitted));
  EXPECT_FALSE(queued.contains("prefill_seconds"));
}

}  // namespace
}  // namespace inferd::logging
