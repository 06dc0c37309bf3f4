#include "cli/load_run.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/http_client.h"
#include "cli/sse_parser.h"

namespace inferd::cli {
namespace {

MonotonicTime Now() { return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()); }

// The measured part of the run.
struct Window {
  MonotonicTime begin, end;
  bool Holds(MonotonicTime t) const { return t >= begin && t < end; }
};

// One request and what is known of its answer.
struct Transfer {
  CURL* easy = nullptr;
  std::string request;
  MonotonicTime intended, sent, first_text, last_text;
  SseParser parser;
  std::string error_body;  // of an answer that is not a stream
  std::string error;       // from inside the stream
  bool done = false;       // [DONE] came
  std::uint64_t pieces = 0, pieces_in_window = 0;
  std::uint64_t prompt_tokens = 0, output_tokens = 0;
  std::vector<float> gaps;
  const Window* window = nullptr;

  void OnEvent(std::string_view data);
};

bool HasText(const nlohmann::json& choice) {
  const auto filled = [](const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() && !found->get_ref<const std::string&>().empty();
  };
  if (filled(choice, "text")) return true;  // completions
  const auto delta = choice.find("delta");  // chat completions
  return delta != choice.end() && (filled(*delta, "content") || filled(*delta, "reasoning_content"));
}

std::uint64_t CountAt(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

void Transfer::OnEvent(std::string_view data) {
  const MonotonicTime now = Now();
  if (data == "[DONE]") {
    done = true;
    return;
  }
  const auto event = nlohmann::json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!event.is_object()) {
    error = "an event is not JSON";
    return;
  }
  if (event.contains("error")) {
    error = ErrorMessage({0, std::string(data)});
    return;
  }
  if (const auto usage = event.find("usage"); usage != event.end() && usage->is_object()) {
    prompt_tokens = CountAt(*usage, "prompt_tokens");
    output_tokens = CountAt(*usage, "completion_tokens");
  }
  const auto choices = event.find("choices");
  if (choices == event.end() || !choices->is_array() || choices->empty() || !HasText(choices->front())) return;
  if (pieces++ == 0) {
    first_text = now;
  } else {
    gaps.push_back(static_cast<float>(ToSeconds(now - last_text)));
  }
  if (window->Holds(now)) ++pieces_in_window;
  last_text = now;
}

std::size_t Receive(char* data, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const std::string_view bytes(data, size * count);
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    if (transfer->error_body.size() < 4096) transfer->error_body += bytes;
    return bytes.size();
  }
  const bool good = transfer->parser.Feed(bytes, [transfer](std::string_view event) { transfer->OnEvent(event); });
  return good && transfer->error.empty() ? bytes.size() : 0;
}

class LoadRun {
 public:
  explicit LoadRun(const LoadPlan& plan)
      : plan_(plan), arrivals_(plan.arrivals, plan.rate.value_or(1), plan.seed), multi_(curl_multi_init()) {
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    if (!plan.api_key.empty()) headers_ = curl_slist_append(headers_, ("Authorization: Bearer " + plan.api_key).c_str());
  }
  LoadRun(const LoadRun&) = delete;
  LoadRun& operator=(const LoadRun&) = delete;
  ~LoadRun() {
    for (const auto& transfer : transfers_) curl_multi_remove_handle(multi_, transfer->easy);
    for (CURL* easy : idle_) curl_easy_cleanup(easy);
    for (const auto& transfer : transfers_) curl_easy_cleanup(transfer->easy);
    curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
  }

  Result<LoadResult> Run() {
    const MonotonicTime start = Now();
    window_ = {start + plan_.warmup, start + plan_.warmup + plan_.duration};
    MonotonicTime next = start;
    if (plan_.rate) next = start + arrivals_.Next();
    const auto limit = static_cast<std::size_t>(plan_.rate ? plan_.max_in_flight : plan_.concurrency);
    bool sending = true;
    for (;;) {
      const MonotonicTime now = Now();
      if (Stopped() && sending) {
        sending = false;
        window_.end = std::clamp(now, window_.begin, window_.end);
        AbandonAll();
      }
      if (now >= window_.end) sending = false;
      // What was meant to start before the end does start, even when it is late.
      while (!Stopped() && transfers_.size() < limit && (plan_.rate ? next <= now && next < window_.end : sending)) {
        INFERD_RETURN_IF_ERROR(Start(plan_.rate ? next : now));
        if (plan_.rate) next = start + arrivals_.Next();
      }
      const bool more_arrivals = plan_.rate && next < window_.end && !Stopped();
      if (transfers_.empty() && !sending && !more_arrivals) break;
      int running = 0;
      curl_multi_perform(multi_, &running);
      Collect();
      MonotonicTime wake = sending ? window_.end : Now() + std::chrono::milliseconds(100);
      if (more_arrivals && transfers_.size() < limit) wake = std::min(wake, next);
      Wait(wake);
    }
    result_.seconds = ToSeconds(window_.end - window_.begin);
    if (result_.seconds > 0) {
      result_.requests_per_second = static_cast<double>(ended_in_window_) / result_.seconds;
      result_.output_tokens_per_second = tokens_in_window_ / result_.seconds;
    }
    return std::move(result_);
  }

 private:
  bool Stopped() const { return plan_.stop != nullptr && plan_.stop->load(std::memory_order_relaxed); }

  Result<> Start(MonotonicTime intended) {
    auto transfer = std::make_unique<Transfer>();
    if (!idle_.empty()) {
      transfer->easy = idle_.back();
      idle_.pop_back();
    } else {
      transfer->easy = curl_easy_init();
    }
    if (transfer->easy == nullptr) return Error(Code::kResourceExhausted, "curl gives no more handles");
    transfer->request = plan_.body(index_++);
    transfer->intended = intended;
    transfer->sent = Now();
    transfer->window = &window_;
    CURL* easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_URL, plan_.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer->request.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->request.data());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer.get());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(plan_.request_timeout / std::chrono::milliseconds(1)));
    curl_multi_add_handle(multi_, easy);
    transfers_.push_back(std::move(transfer));
    return {};
  }

  void Collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      Transfer* ended = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &ended);
      Record(*ended, code);
      Release(*ended);
    }
  }

  void Release(Transfer& transfer) {
    curl_multi_remove_handle(multi_, transfer.easy);
    curl_easy_reset(transfer.easy);
    idle_.push_back(transfer.easy);
    const auto found = std::ranges::find(transfers_, &transfer, &std::unique_ptr<Transfer>::get);
    std::swap(*found, transfers_.back());
    transfers_.pop_back();
  }

  // Stopped early: what is under way is neither good nor bad.
  void AbandonAll() {
    while (!transfers_.empty()) Release(*transfers_.back());
  }

  void Record(Transfer& transfer, CURLcode code) {
    const MonotonicTime now = Now();
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    const bool ok = code == CURLE_OK && status == 200 && transfer.done && transfer.error.empty();
    // A piece of text may hold several tokens: the share of the pieces that came inside the measured part is the share of the tokens.
    if (ok && transfer.pieces > 0) {
      tokens_in_window_ += static_cast<double>(transfer.output_tokens) * static_cast<double>(transfer.pieces_in_window) /
                           static_cast<double>(transfer.pieces);
    }
    if (ok && window_.Holds(now)) ++ended_in_window_;
    if (!window_.Holds(transfer.intended)) return;
    ++result_.started;
    result_.start_delay.Add(ToSeconds(transfer.sent - transfer.intended));
    if (status == 429 || status == 503) result_.refused.Add(ToSeconds(now - transfer.intended));
    if (!ok) return RecordFailure(transfer, code, status);
    ++result_.ok;
    result_.prompt_tokens += transfer.prompt_tokens;
    result_.output_tokens += transfer.output_tokens;
    result_.end_to_end.Add(ToSeconds(now - transfer.intended));
    if (transfer.pieces > 0) result_.ttft.Add(ToSeconds(transfer.first_text - transfer.intended));
    for (const float gap : transfer.gaps) result_.inter_token.Add(gap);
  }

  void RecordFailure(const Transfer& transfer, CURLcode code, long status) {
    std::string kind;
    std::string words;
    if (!transfer.error.empty()) {
      kind = "error";
      words = transfer.error;
    } else if (status != 0 && status != 200) {
      kind = std::to_string(status);
      words = ErrorMessage({status, transfer.error_body});
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
      kind = "timeout";
    } else if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
      kind = "connect";
    } else {
      kind = "cut";
    }
    if (words.empty()) words = code == CURLE_OK ? "the stream ended without [DONE]" : curl_easy_strerror(code);
    ++result_.failures[kind];
    if (result_.first_failure.empty()) result_.first_failure = words;
  }

  // Until something arrives or `wake`. curl waits in whole milliseconds: the last one is spent awake, so that requests are sent on time.
  void Wait(MonotonicTime wake) const {
    constexpr Duration kLongest = std::chrono::milliseconds(200);  // to notice a stop
    const Duration left = std::clamp(wake - Now(), Duration(0), kLongest);
    const auto milliseconds = static_cast<int>(left / std::chrono::milliseconds(1));
    curl_multi_poll(multi_, nullptr, 0, milliseconds, nullptr);
  }

  const LoadPlan& plan_;
  ArrivalSchedule arrivals_;
  CURLM* multi_;
  curl_slist* headers_ = nullptr;
  Window window_;
  std::uint64_t index_ = 0;
  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<CURL*> idle_;
  std::uint64_t ended_in_window_ = 0;
  double tokens_in_window_ = 0;
  LoadResult result_;
};

}  // namespace

Result<LoadResult> RunLoad(const LoadPlan& plan) {
  if (plan.duration <= Duration(0) || plan.concurrency < 1 || plan.max_in_flight < 1 || (plan.rate && *plan.rate <= 0)) {
    return Error(Code::kInvalidArgument, "expected a duration, a concurrency and a rate above 0");
  }
  return LoadRun(plan).Run();
}

}  // namespace inferd::cli
