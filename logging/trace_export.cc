#include "logging/trace_export.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

#include "runtime/base/thread.h"

namespace inferd::logging {
namespace {

constexpr Duration kLongestPause = std::chrono::seconds(30);
constexpr Duration kLongestRetryAfter = std::chrono::hours(1);  // an absurd number must not stop the export for ever
constexpr std::size_t kMaxReply = 64U << 10U;

std::size_t KeepReply(char* data, std::size_t, std::size_t n, void* into) {
  auto& body = *static_cast<std::string*>(into);
  body.append(data, std::min(n, kMaxReply - std::min(kMaxReply, body.size())));
  return n;
}

// How many spans an answer of 200 says were refused ("partialSuccess":{"rejectedSpans":"3"}).
std::uint64_t RejectedSpans(std::string_view body) {
  constexpr std::string_view kKey = "\"rejectedSpans\"";
  std::size_t at = body.find(kKey);
  if (at == std::string_view::npos) return 0;
  at = body.find_first_of("0123456789", at + kKey.size());
  if (at == std::string_view::npos) return 0;
  std::uint64_t n = 0;
  std::from_chars(body.data() + at, body.data() + body.size(), n);
  return n;
}

bool MayBeTriedAgain(long status) { return status == 0 || status == 429 || status == 502 || status == 503 || status == 504; }

}  // namespace

std::string TracesUrl(std::string_view address) {
  const std::size_t host = address.find("://");
  const std::size_t path = address.find('/', host == std::string_view::npos ? 0 : host + 3);
  if (path == std::string_view::npos) return std::string(address) + "/v1/traces";
  if (path + 1 == address.size()) return std::string(address) + "v1/traces";
  return std::string(address);
}

Duration PauseAfter(int attempt, Duration first, std::optional<Duration> retry_after, double random) {
  if (retry_after) return std::min(*retry_after, kLongestRetryAfter);
  Duration pause = std::min(first, kLongestPause);
  for (int i = 1; i < attempt && pause < kLongestPause; ++i) pause = std::min(pause * 2, kLongestPause);
  return pause - FromSeconds(ToSeconds(pause) / 2 * random);
}

TraceExporter::TraceExporter(TraceExportOptions options, std::vector<std::string> models, std::function<void(std::string)> trouble)
    : options_(std::move(options)), url_(TracesUrl(options_.url)), models_(std::move(models)), trouble_(std::move(trouble)) {
  thread_ = std::thread([this] { Run(); });
}

TraceExporter::~TraceExporter() { Stop(); }

void TraceExporter::OnRequest(const engine::RequestRecord& record) {
  if (!record.sampled) return;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < options_.queue) {
      waiting_.push_back(record);
      if (waiting_.size() < options_.batch) return;  // it waits for others, or for the end of the second
    } else {
      Count(SpanOutcome::kQueueFull, SpansOf(record, "").size());
      return;
    }
  }
  woken_.notify_one();
}

void TraceExporter::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_) stop_by_ = std::chrono::steady_clock::now() + options_.timeout;
    stop_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void TraceExporter::Run() {
  const ThreadSetup thread("traces");
  curl_ = ::curl_easy_init();
  std::unique_lock lock(mutex_);
  for (;;) {
    woken_.wait_for(lock, options_.linger, [this] { return stop_ || waiting_.size() >= options_.batch; });
    if (waiting_.empty()) {
      if (stop_) break;
      continue;
    }
    std::vector<engine::RequestRecord> batch;
    while (!waiting_.empty() && batch.size() < options_.batch) {
      batch.push_back(waiting_.front());
      waiting_.pop_front();
    }
    lock.unlock();
    if (TimeLeft() > Duration{}) {
      Send(batch);
    } else {
      Count(SpanOutcome::kFailed, OtlpBody(batch, models_, options_.resource).second);
    }
    lock.lock();
  }
  if (curl_ != nullptr) ::curl_easy_cleanup(curl_);
}

Duration TraceExporter::TimeLeft() const {
  return stop_ ? std::min<Duration>(options_.timeout, stop_by_ - std::chrono::steady_clock::now()) : options_.timeout;
}

bool TraceExporter::Pause(Duration duration) {
  std::unique_lock lock(mutex_);
  return !woken_.wait_for(lock, duration, [this] { return stop_.load(); });
}

void TraceExporter::Complain(const std::string& what) {
  if (!std::exchange(failing_, true)) trouble_(what);
}

void TraceExporter::Send(const std::vector<engine::RequestRecord>& records) {
  const auto [body, spans] = OtlpBody(records, models_, options_.resource);
  thread_local std::minstd_rand generator{std::random_device{}()};
  std::uniform_real_distribution<double> random(0, 1);
  for (int attempt = 1;; ++attempt) {
    const Reply reply = Post(body);
    if (reply.status >= 200 && reply.status < 300) {
      failing_ = false;
      const std::uint64_t rejected = std::min<std::uint64_t>(RejectedSpans(reply.body), spans);
      Count(SpanOutcome::kRejected, rejected);
      Count(SpanOutcome::kExported, spans - rejected);
      return;
    }
    Complain(reply.status == 0 ? reply.error : "the answer was " + std::to_string(reply.status));
    if (!MayBeTriedAgain(reply.status)) return Count(SpanOutcome::kRejected, spans);
    if (attempt >= options_.tries || !Pause(PauseAfter(attempt, options_.first_pause, reply.retry_after, random(generator)))) {
      return Count(SpanOutcome::kFailed, spans);
    }
  }
}

TraceExporter::Reply TraceExporter::Post(const std::string& body) {
  Reply reply;
  if (curl_ == nullptr) {
    reply.error = "no memory for a connection";
    return reply;
  }
  CURL* const curl = curl_;
  ::curl_easy_reset(curl);
  curl_slist* headers = ::curl_slist_append(nullptr, "Content-Type: application/json");
  headers = ::curl_slist_append(headers, "Expect:");
  ::curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
  ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  ::curl_easy_setopt(curl, CURLOPT_USERAGENT, "inferd");
  ::curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
  ::curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                     std::max(1L, static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(TimeLeft()).count())));
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &KeepReply);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply.body);
  const CURLcode code = ::curl_easy_perform(curl);
  if (code == CURLE_OK) {
    ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_off_t seconds = 0;
    if (::curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
      reply.retry_after = std::chrono::seconds(seconds);
  } else {
    reply.error = ::curl_easy_strerror(code);
  }
  ::curl_slist_free_all(headers);
  return reply;
}

}  // namespace inferd::logging
