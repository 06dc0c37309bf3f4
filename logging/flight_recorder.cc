#include "logging/flight_recorder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <set>
#include <utility>

#include "logging/format.h"
#include "logging/json.h"

namespace inferd::logging {
namespace {

using engine::RequestRecord;
using engine::StepRecord;

// "Processes" of the trace, which group its tracks.
constexpr int kEngines = 1;
constexpr int kRequests = 2;
constexpr int kQueue = 3;

// Tracks of an engine's workers follow its own.
constexpr std::uint64_t kTracksPerEngine = engine::kStepWorkers + 1;

void AppendMicroseconds(Duration duration, std::string& out) {
  std::array<char, 48> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), static_cast<double>(duration.count()) * 1e-3,
                                          std::chars_format::fixed, 3);
  if (error == std::errc()) out.append(buffer.data(), end);
}

struct TraceEvent {
  Duration at{};  // since the beginning
  std::string text;
};

class TraceWriter {
 public:
  explicit TraceWriter(MonotonicTime begin) : begin_(begin) {}

  void Name(std::string_view what, int process, std::uint64_t thread, std::string_view name) {
    std::string text = Head(what, 'M', process, thread);
    text += R"(,"args":{"name":)";
    AppendJsonString(name, text);
    names_.push_back(text + "}}");
  }
  // A span of time on a track, inside the one that it is a part of. Nothing when it ended before the beginning. Viewers add begin and
  // length as floating-point numbers, and some are lost when a span then seems to end behind the beginning of the next or the end of its
  // whole: a span is shown a nanosecond shorter, a part two.
  void Complete(std::string_view name, int process, std::uint64_t thread, MonotonicTime from, MonotonicTime to, bool part,
                std::string_view arguments = {}) {
    if (to < begin_ || to < from) return;
    from = std::max(from, begin_);
    to = std::max(from, to - std::chrono::nanoseconds(part ? 2 : 1));
    std::string text = Head(name, 'X', process, thread);
    text += R"(,"ts":)";
    AppendMicroseconds(from - begin_, text);
    text += R"(,"dur":)";
    AppendMicroseconds(to - from, text);
    if (!arguments.empty()) {
      text += R"(,"args":{)";
      text += arguments;
      text += '}';
    }
    events_.push_back({from - begin_, text + '}'});
  }
  // A moment on a track.
  void Instant(std::string_view name, int process, std::uint64_t thread, MonotonicTime at) {
    if (at < begin_) return;
    std::string text = Head(name, 'i', process, thread);
    text += R"(,"s":"t","ts":)";
    AppendMicroseconds(at - begin_, text);
    events_.push_back({at - begin_, text + '}'});
  }
  // A span of time that others on the same track may overlap: viewers find place for them (the format's nestable async events).
  void Overlapping(std::string_view name, int process, std::uint64_t thread, std::uint64_t id, MonotonicTime from, MonotonicTime to,
                   std::string_view arguments) {
    if (to < begin_ || to < from) return;
    from = std::max(from, begin_);
    const auto add = [&](char phase, MonotonicTime at, std::string_view tail) {
      std::string text = Head(name, phase, process, thread);
      text += R"(,"cat":"queue","id":)" + std::to_string(id) + R"(,"ts":)";
      AppendMicroseconds(at - begin_, text);
      text += tail;
      events_.push_back({at - begin_, text + '}'});
    };
    add('b', from, ",\"args\":{" + std::string(arguments) + "}");
    add('e', to, "");
  }
  void Counter(std::string_view name, int process, std::uint64_t thread, MonotonicTime at, std::uint64_t value) {
    if (at < begin_) return;
    std::string text = Head(name, 'C', process, thread);
    text += R"(,"ts":)";
    AppendMicroseconds(at - begin_, text);
    text += R"(,"args":{"value":)" + std::to_string(value) + "}}";
    events_.push_back({at - begin_, std::move(text)});
  }

  std::string Take(WallTime wall_begin) {
    std::stable_sort(events_.begin(), events_.end(), [](const TraceEvent& a, const TraceEvent& b) { return a.at < b.at; });
    std::string out = R"({"displayTimeUnit":"ms","otherData":{"begin":")";
    AppendTime(wall_begin, out);
    out += R"("},"traceEvents":[)";
    bool first = true;
    const auto add = [&](const std::string& text) {
      if (!first) out += ",\n";
      first = false;
      out += text;
    };
    for (const std::string& name : names_) add(name);
    for (const TraceEvent& event : events_) add(event.text);
    return out + "]}\n";
  }

 private:
  static std::string Head(std::string_view name, char phase, int process, std::uint64_t thread) {
    std::string text = R"({"name":)";
    AppendJsonString(name, text);
    text += R"(,"ph":")";
    text += phase;
    text += R"(","pid":)" + std::to_string(process) + R"(,"tid":)" + std::to_string(thread);
    return text;
  }

  const MonotonicTime begin_;
  std::vector<std::string> names_;
  std::vector<TraceEvent> events_;
};

std::string Argument(std::string_view name, std::uint64_t value) { return '"' + std::string(name) + "\":" + std::to_string(value); }

std::string StepArguments(const StepRecord& step) {
  std::string text = Argument("number", step.number);
  for (const auto& [name, value] : {std::pair<std::string_view, std::uint64_t>{"prefill_sequences", step.prefill_sequences},
                                    {"decode_sequences", step.decode_sequences},
                                    {"prefill_tokens", step.prefill_tokens},
                                    {"generated_tokens", step.generated_tokens},
                                    {"preemptions", step.preemptions},
                                    {"weight_bytes_read", step.weight_bytes_read}}) {
    text += ',' + Argument(name, value);
  }
  return text;
}

}  // namespace

void FlightRecorder::OnRequest(const RequestRecord& record) {
  const std::lock_guard lock(mutex_);
  requests_.Add(record);
}

void FlightRecorder::OnStep(const StepRecord& record) {
  const std::lock_guard lock(mutex_);
  steps_.Add(record);
}

std::vector<StepRecord> FlightRecorder::Steps(MonotonicTime since) const {
  std::vector<StepRecord> found;
  const std::lock_guard lock(mutex_);
  steps_.ForEach([&](const StepRecord& step) {
    if (step.start + step.total() >= since) found.push_back(step);
  });
  return found;
}

std::vector<RequestRecord> FlightRecorder::Requests(MonotonicTime since) const {
  std::vector<RequestRecord> found;
  const std::lock_guard lock(mutex_);
  requests_.ForEach([&](const RequestRecord& request) {
    if (request.ended >= since) found.push_back(request);
  });
  return found;
}

std::optional<RequestRecord> FlightRecorder::Find(std::string_view request_id) const {
  std::optional<RequestRecord> found;
  const std::lock_guard lock(mutex_);
  requests_.ForEach([&](const RequestRecord& request) {
    if (request.id.view() == request_id) found = request;
  });
  return found;
}

std::string ChromeTrace(std::span<const StepRecord> steps, std::span<const RequestRecord> requests, std::span<const std::string> models,
                        const TraceWindow& window) {
  const MonotonicTime begin = window.begin;
  TraceWriter writer(begin);
  const auto model_name = [&](std::size_t index) {
    return index < models.size() ? std::string_view(models[index]) : std::string_view("other");
  };
  writer.Name("process_name", kEngines, 0, "engines");
  writer.Name("process_name", kRequests, 0, "requests");
  writer.Name("process_name", kQueue, 0, "queue");
  std::set<std::pair<int, std::uint64_t>> named;
  const auto name_once = [&](int process, std::uint64_t track, const std::string& name) {
    if (named.emplace(process, track).second) writer.Name("thread_name", process, track, name);
  };
  for (const StepRecord& step : steps) {
    const std::uint64_t track = step.model * kTracksPerEngine + 1;
    name_once(kEngines, track, "engine " + std::string(model_name(step.model)));
    const MonotonicTime planned = step.start + step.plan;
    const MonotonicTime forwarded = planned + step.forward;
    writer.Complete(engine::StepPhaseName(step.phase), kEngines, track, step.start, forwarded + step.sample, false, StepArguments(step));
    writer.Complete("plan", kEngines, track, step.start, planned, true);
    writer.Complete("forward", kEngines, track, planned, forwarded, true);
    writer.Complete("sample", kEngines, track, forwarded, forwarded + step.sample, true);
    const std::string of = " (" + std::string(model_name(step.model)) + ")";
    for (std::uint64_t i = 0; i < step.workers; ++i) {
      name_once(kEngines, track + 1 + i, "worker " + std::to_string(i + 1) + of);
      const std::uint64_t share = step.worker_busy[i];
      const auto busy = step.forward * share / engine::kWholeForward;
      writer.Complete(
          std::to_string(share * 100 / engine::kWholeForward) + " % busy", kEngines, track + 1 + i, planned, forwarded, false,
          Argument("step", step.number) + "," +
              Argument("busy_us", static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(busy).count())));
    }
    writer.Counter("queue depth" + of, kEngines, track, step.start, step.queue_depth);
    writer.Counter("running" + of, kEngines, track, step.start, step.running);
    writer.Counter("KV blocks" + of, kEngines, track, step.start, step.kv_blocks_used);
  }
  std::uint64_t track = 0;
  for (const RequestRecord& request : requests) {
    const bool running = !Reached(request.ended);
    const MonotonicTime ended = running ? window.end : request.ended;
    if (ended < begin) continue;
    ++track;
    writer.Name("thread_name", kRequests, track, request.id.view());
    std::string arguments = "\"model\":";
    AppendJsonString(model_name(request.model), arguments);
    arguments += ",\"trace_id\":";
    AppendJsonString(request.trace_id.view(), arguments);
    arguments += ',' + Argument("prompt_tokens", request.prompt_tokens) + ',' + Argument("generated_tokens", request.generated_tokens);
    if (running) arguments += ",\"running\":true";
    writer.Complete(running ? "running" : engine::OutcomeName(request.outcome), kRequests, track, request.received, ended, false,
                    arguments);
    const auto stage = [&](std::string_view name, MonotonicTime from, MonotonicTime to) {
      if (Reached(from)) writer.Complete(name, kRequests, track, from, Reached(to) ? to : ended, true);
    };
    if (Reached(request.admitted)) {
      name_once(kQueue, request.model + 1U, "queue " + std::string(model_name(request.model)));
      std::string who = "\"request_id\":";
      AppendJsonString(request.id.view(), who);
      if (running && !Reached(request.scheduled)) who += ",\"running\":true";
      writer.Overlapping("waiting", kQueue, request.model + 1U, track, request.admitted,
                         Reached(request.scheduled) ? request.scheduled : ended, who);
    }
    stage("queue", request.admitted, request.scheduled);
    stage("prefill", request.scheduled, request.first_token);
    stage("decode", request.first_token, request.last_token);
    for (const MonotonicTime preempted : request.preempted) {
      if (Reached(preempted)) writer.Instant("preempted", kRequests, track, preempted);
    }
  }
  return writer.Take(window.wall_begin);
}

void AppendRequestJson(const RequestRecord& record, std::string_view model, MonotonicTime now, std::string& out) {
  const bool running = !Reached(record.ended);
  const auto text = [&out](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += ",\"";
    out += name;
    out += "\":";
    AppendJsonString(value, out);
  };
  const auto number = [&out](std::string_view name, std::uint64_t value) { out += ',' + Argument(name, value); };
  const auto seconds = [&](std::string_view name, MonotonicTime from, MonotonicTime to) {
    if (running && !Reached(to)) to = now;
    if (!Reached(from) || !Reached(to)) return;
    out += ",\"";
    out += name;
    out += "\":";
    AppendValue(FieldType::kSeconds, {.integer = (to - from).count()}, out);
  };
  out += "{\"request_id\":";
  AppendJsonString(record.id.view(), out);
  text("trace_id", record.trace_id.view());
  text("span_id", record.span_id.view());
  text("model", model);
  text("endpoint", engine::EndpointName(record.endpoint));
  if (running) {
    out += ",\"running\":true";
    text("stage", engine::StageName(record.stage()));
  } else {
    text("outcome", engine::OutcomeName(record.outcome));
    if (record.outcome == engine::Outcome::kRejected) text("reason", engine::RefusalReasonName(record.refusal));
    number("status", record.http_status);
  }
  std::string time;
  AppendTime(record.received_wall, time);
  text("received", time);
  seconds(running ? "age_seconds" : "total_seconds", record.received, record.ended);
  seconds("queue_seconds", record.admitted, record.scheduled);
  if (Reached(record.first_token)) seconds("first_token_seconds", record.received, record.first_token);
  seconds("prefill_seconds", record.scheduled, record.first_token);
  seconds("decode_seconds", record.first_token, running ? now : record.last_token);
  if (running) seconds("since_last_token_seconds", record.last_token, now);
  number("prompt_tokens", record.prompt_tokens);
  if (!running) number("cached_prompt_tokens", record.cached_prompt_tokens);
  number("generated_tokens", record.generated_tokens);
  if (!running) number("preemptions", record.preemptions);
  text("priority", engine::PriorityName(record.priority));
  text("tenant", record.tenant.view());
  text("client", record.client.view());
  text("user_agent", record.user_agent.view());
  out += record.stream ? ",\"stream\":true}" : ",\"stream\":false}";
}

}  // namespace inferd::logging
