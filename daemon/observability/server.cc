#include "daemon/observability/server.h"

#include <CivetServer.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <exception>
#include <future>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "daemon/api/percent.h"
#include "daemon/observability/gzip.h"
#include "metrics/negotiation.h"
#include "runtime/base/errand.h"
#include "runtime/base/thread.h"

namespace inferd::daemon {
namespace {

// civetweb's own defaults that do not fit are set here. A client has a quarter of a second for the whole head of a request, which scrapers
// send in one packet, and for each piece of an answer: a thread is not held longer by one that is slow. Whoever comes
// while all threads are held waits in line; where there is no room for that, the kernel forgets connections, and their clients try again
// after one second, three, seven. Not set on purpose: document_root (no files are served) and anything of TLS (Debian's build crashes in a
// handshake).
std::vector<std::string> CivetOptions(const ObservabilityServerOptions& options) {
  return {"listening_ports", options.listen, "num_threads", std::to_string(options.threads), "enable_keep_alive", "yes",
          "keep_alive_timeout_ms", "2000", "request_timeout_ms", "250", "listen_backlog", "4096", "tcp_nodelay", "1", "max_request_size",
          "16384",
          // Whatever name a client knows this machine by: "GET http://NAME:9464/metrics" means this server.
          "enable_auth_domain_check", "no",
          // It would decode in place, and a path would end at its first %00.
          "decode_url", "no"};
}

// The longest query that is read, percent-encoded, and the time that all of it may take.
constexpr std::size_t kMaxBody = 256U << 10U;
constexpr Duration kBodyTime = std::chrono::seconds(1);

// Connects to an address of ours and closes again. Whether it succeeds does not matter.
void Knock(const std::string& listen, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  const std::string host = listen.substr(0, listen.rfind(':'));
  if (host == "0.0.0.0" || ::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::close(fd);
}

}  // namespace

// The server and its one handler for every path.
class ObservabilityServer::Civet final : public CivetHandler {
 public:
  explicit Civet(ObservabilityServer& owner) : owner_(owner), server_(CivetOptions(owner.options_), &Callbacks(), &owner) {
    server_.addHandler("**", this);
  }
  CivetServer& server() { return server_; }

  bool handleGet(CivetServer*, mg_connection* connection) override { return Answer(connection); }
  bool handleHead(CivetServer*, mg_connection* connection) override { return Answer(connection); }
  bool handlePost(CivetServer*, mg_connection* connection) override { return Answer(connection); }
  bool handlePut(CivetServer*, mg_connection* connection) override { return Answer(connection); }
  bool handleDelete(CivetServer*, mg_connection* connection) override { return Answer(connection); }
  bool handleOptions(CivetServer*, mg_connection* connection) override { return Answer(connection); }
  bool handlePatch(CivetServer*, mg_connection* connection) override { return Answer(connection); }

 private:
  static const CivetCallbacks& Callbacks() {
    static const CivetCallbacks callbacks = [] {
      CivetCallbacks c;
      c.init_thread = [](const mg_context*, int) -> void* {
        ThreadSetup::ForThisThread(nullptr);  // civetweb names its threads itself
        TakeShortTurns();
        return nullptr;
      };
      c.init_connection = [](const mg_connection* connection, void**) {
        ++OwnerOf(connection).connections_;
        return 0;
      };
      c.connection_close = [](const mg_connection* connection) { AnswerTheUnanswered(connection); };
      c.connection_closed = [](const mg_connection* connection) { --OwnerOf(connection).connections_; };
      return c;
    }();
    return callbacks;
  }
  // civetweb calls no handler for a request target that is not a path of this server, it just closes. This is the last moment to say why.
  static void AnswerTheUnanswered(const mg_connection* connection) {
    const mg_request_info* info = mg_get_request_info(connection);
    if (info == nullptr || info->request_uri == nullptr || info->local_uri != nullptr) return;
    constexpr std::string_view kWhy = "the request target must be a path of this server\n";
    const std::string text =
        fmt::format("HTTP/1.1 400 {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                    ReasonPhrase(400), kWhy.size(), kWhy);
    mg_write(const_cast<mg_connection*>(connection), text.data(), text.size());
    OwnerOf(connection).Count("other", 400);
  }
  static ObservabilityServer& OwnerOf(const mg_connection* connection) {
    const auto* server = static_cast<const CivetServer*>(mg_get_user_data(mg_get_context(connection)));
    return *const_cast<ObservabilityServer*>(static_cast<const ObservabilityServer*>(server->getUserContext()));
  }

  bool Answer(mg_connection* connection) {
    const mg_request_info* info = mg_get_request_info(connection);
    RequestHead head;
    head.method = info->request_method;
    head.path = PercentDecode(info->local_uri != nullptr ? info->local_uri : "");
    head.query = info->query_string != nullptr ? info->query_string : "";
    head.peer = info->remote_addr;
    head.received = owner_.clock_.Now();
    head.received_wall = owner_.clock_.WallNow();
    // Who scrapes measures how long it takes, and gives up at some time: an errand, when its turn has come.
    std::optional<ScrapeGate::Turn> turn;
    std::optional<Errand> errand;
    if (head.path == "/metrics") {
      turn.emplace(owner_.gate_, head.peer);
      if (*turn) errand.emplace(owner_.clock_);
    }
    for (int i = 0; i < info->num_headers; ++i) {
      std::string name = info->http_headers[i].name;
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      head.headers.push_back({std::move(name), info->http_headers[i].value});
    }
    bool unread = info->content_length > 0 || !head.Find("transfer-encoding").empty();
    const auto read_body = [&]() -> Result<std::string> {
      if (info->content_length < 0) return Error(Code::kInvalidArgument, "a body needs a Content-Length");
      auto body = ReadBody(connection, static_cast<std::size_t>(info->content_length));
      if (body) unread = false;
      return body;
    };
    HttpResponse response = turn && !*turn ? TurnedAway() : Respond(head, read_body);
    if (response.body.size() >= kWorthPacking && response.content_type != "application/gzip") {
      response.Set("Vary", "Accept-Encoding");
      if (metrics::AcceptsGzip(head.Find("accept-encoding"))) {
        if (std::optional<std::string> packed = Gzip(response.body)) {
          response.body = std::move(*packed);
          response.Set("Content-Encoding", "gzip");
        }
      }
    }
    turn.reset();  // the client may be slow to take its answer
    // A body that nobody read would be taken for the next request. When threads get scarce none waits for what a client may want next.
    const bool close = WantsClose(*info, head) || unread || owner_.connections_ > owner_.options_.threads / 2;
    std::string head_text = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: {}\r\n", response.status,
        ReasonPhrase(response.status), response.content_type, response.body.size(), close ? "close" : "keep-alive");
    for (const Header& header : response.headers) head_text += fmt::format("{}: {}\r\n", header.name, header.value);
    head_text += "\r\n";
    if (head.method == "HEAD") response.body.clear();
    const std::string& text = response.body.insert(0, head_text);  // one write, and no second copy of a large body
    if (close) mg_disable_connection_keep_alive(connection);
    mg_write(connection, text.data(), text.size());
    owner_.Count(owner_.route_of_(head.path), response.status);
    return true;
  }

  // RFC 9112, section 9.3: a client's "close" holds, and before HTTP/1.1 a connection lives on only when the client asks for it.
  static bool WantsClose(const mg_request_info& info, const RequestHead& head) {
    std::string wishes(head.Find("connection"));
    std::transform(wishes.begin(), wishes.end(), wishes.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    bool close = false, keep_alive = false;
    for (std::string_view rest = wishes; !rest.empty();) {
      const auto end = rest.find(',');
      std::string_view wish = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      wish.remove_prefix(std::min(wish.find_first_not_of(" \t"), wish.size()));
      wish = wish.substr(0, wish.find_last_not_of(" \t") + 1);
      close = close || wish == "close";
      keep_alive = keep_alive || wish == "keep-alive";
    }
    const std::string_view version = info.http_version != nullptr ? info.http_version : "";
    return close || (version != "1.1" && !keep_alive);
  }

  Result<std::string> ReadBody(mg_connection* connection, std::size_t length) {
    if (length > kMaxBody) return Error(Code::kResourceExhausted, "the body is longer than " + std::to_string(kMaxBody) + " bytes");
    std::string body(length, '\0');
    const MonotonicTime deadline = owner_.clock_.Now() + kBodyTime;
    std::size_t at = 0;
    while (at < length) {
      const int got = mg_read(connection, body.data() + at, length - at);
      if (got <= 0 || owner_.clock_.Now() > deadline) return Error(Code::kDeadlineExceeded, "the body did not come in time");
      at += static_cast<std::size_t>(got);
    }
    return body;
  }

  static HttpResponse TurnedAway() {
    HttpResponse response = HttpResponse::Plain(503, "too many scrapes at the same time");
    response.Set("Retry-After", "1");
    return response;
  }

  HttpResponse Respond(const RequestHead& head, const BodyReader& body) {
    if (std::any_of(head.path.begin(), head.path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
      return HttpResponse::Plain(400, "the path has a control character");
    }
    if (!head.Find("transfer-encoding").empty() && !head.Find("content-length").empty()) {
      return HttpResponse::Plain(400, "a request cannot have both Transfer-Encoding and Content-Length");
    }
    try {
      return owner_.handler_(head, body);
    } catch (const std::exception& error) {  // one that left this thread would end the process
      return HttpResponse::Plain(500, std::string("internal error: ") + error.what());
    }
  }

  ObservabilityServer& owner_;
  CivetServer server_;
};

ObservabilityServer::ObservabilityServer(ObservabilityServerOptions options, const Clock& clock, Handler handler,
                                         std::function<std::string_view(std::string_view)> route_of)
    : options_(std::move(options)),
      clock_(clock),
      handler_(std::move(handler)),
      route_of_(std::move(route_of)),
      // Those who wait for their turn leave an eighth of the threads to others, such as probes.
      gate_(clock, static_cast<std::size_t>(options_.threads - options_.threads / 8 - 1)) {}

ObservabilityServer::~ObservabilityServer() { Stop(); }

Result<> ObservabilityServer::Start() {
  try {
    civet_ = std::make_unique<Civet>(*this);
  } catch (const CivetException&) {
    return Error(Code::kIo, "observability.listen: cannot listen on " + options_.listen + " (in use, or not an address of this machine)");
  }
  return {};
}

void ObservabilityServer::Stop() {
  if (!civet_) return;
  gate_.Close();
  // civetweb's accepting thread looks at its stop flag every two seconds, or when somebody connects: so somebody connects.
  const std::uint16_t to = port();
  std::future<void> stopped;
  try {
    stopped = std::async(std::launch::async, [this] {
      const ThreadSetup thread("observe-stop");
      civet_.reset();
    });
  } catch (const std::system_error&) {  // no more threads: it takes those two seconds
    civet_.reset();
    return;
  }
  while (stopped.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) Knock(options_.listen, to);
}

std::uint16_t ObservabilityServer::port() const {
  const std::vector<int> ports = civet_->server().getListeningPorts();
  return ports.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(ports.front());
}

void ObservabilityServer::Count(std::string_view route, int status) {
  const std::lock_guard lock(mutex_);
  ++answers_[{std::string(route), status}];
}

std::map<std::pair<std::string, int>, std::uint64_t> ObservabilityServer::answers() const {
  const std::lock_guard lock(mutex_);
  return answers_;
}

}  // namespace inferd::daemon
