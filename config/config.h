// The daemon's configuration: native values, already checked, and how they are read. Layers, later ones win: built-in default, file,
// INFERD_SECTION__KEY environment variables, --set section.key=value. Every key is described once, in config/table.cc; parsing, --check,
// `config print` and docs/CONFIGURATION.md all come from there. Plain values and pure functions (Load reads one file); safe from any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"

namespace inferd::config {

using Bytes = std::uint64_t;

struct Api {
  std::vector<std::string> listen;
  int threads = 0;
  int max_connections = 0;
  Bytes max_body = 0;
  Bytes max_header = 0;
  Duration header_timeout{};
  Duration idle_timeout{};
  Duration write_timeout{};
};

struct Observability {
  bool enabled = true;
  std::string listen;
  Duration interval{};
  std::vector<std::string> disks;
  std::vector<std::string> certificates;
  std::vector<std::string> compat;  // vllm, otel
  int max_series = 0;
  Duration retention{};
  Bytes history_bytes = 0;
  Duration query_timeout{};
  int query_samples = 0;
};

// Service level objectives. A target of 0 is not kept.
struct Slo {
  Duration ttft{};
  Duration inter_token{};
  Duration duration{};
};

struct Model {
  std::string name;
  std::string path;
  std::optional<int> context;  // nothing: what the model was trained for
  int max_running = 0;
  int max_batch_tokens = 0;
  std::optional<Bytes> kv_cache;  // nothing: chosen by the engine
  std::string kv_type;            // f16, f32
  bool prefix_cache = true;
  std::optional<int> threads;
  bool pin_threads = false;
  bool lock_memory = false;
  int warmup = 0;
  std::string chat;  // auto, on, off
};

struct Queue {
  int capacity = 0;
  Duration deadline{};
  std::vector<std::string> priorities;
  Duration aging{};
};

struct Auth {
  std::optional<std::string> keys_file;
};

struct Lifecycle {
  Duration start_patience{};
  Duration drain_timeout{};
  Duration stop_timeout{};
};

struct Logs {
  struct Rotate {
    Bytes size = 0;    // 0: any
    Duration every{};  // 0: never by time
    int keep = 0;      // 0: all, here and below
    Duration keep_for{};
    Bytes keep_bytes = 0;
    bool compress = true;
  };
  struct Audit {
    std::optional<std::string> file;
    Duration keep{};
  };
  std::string level;
  std::string format;  // auto, json, text
  std::optional<std::string> file;
  bool access = true;
  std::string prompts;                               // never, hashed, redacted, full
  std::array<std::optional<std::string>, 7> levels;  // daemon, access, config, model, metrics, logs, tracing
  Rotate rotate;
  Audit audit;
};

struct Tracing {
  std::optional<std::string> otlp;
  double sample = 1;
};

// One notifier: how alerts are gathered for it, and the one channel that it tells them by.
struct Notifier {
  struct Alertmanager {
    std::vector<std::string> url;
    std::optional<std::string> token_file;
    std::optional<std::string> ca_file;
  };
  struct Webhook {
    std::string url;
    std::optional<std::string> secret_file;
    std::optional<std::string> token_file;
    std::optional<std::string> ca_file;
  };
  struct Exec {
    std::vector<std::string> command;
  };
  struct Journal {
    std::string identifier;
  };
  struct Email {
    std::string server;
    std::string tls;  // starttls, tls, none
    std::string from;
    std::vector<std::string> to;
    std::optional<std::string> username;
    std::optional<std::string> password_file;
    std::optional<std::string> ca_file;
  };
  std::string channel;              // alertmanager, webhook, exec, journal or email: the one of the following that counts
  std::optional<std::string> name;  // nothing: the channel's
  std::vector<std::string> group_by;
  Duration group_wait{};
  Duration group_interval{};
  Duration repeat_interval{};
  bool send_resolved = true;
  Duration timeout{};
  int queue = 0;
  Alertmanager alertmanager;
  Webhook webhook;
  Exec exec;
  Journal journal;
  Email email;

  const std::string& shown_name() const { return name ? *name : channel; }
};

struct Alerts {
  bool enabled = true;
  std::vector<std::string> rules;
  Duration interval{};
  std::optional<std::string> instance;  // nothing: host name and port of the observability plane
  std::optional<std::string> external_url;
  std::vector<Notifier> notify;
};

struct Config {
  Api api;
  Observability observability;
  Alerts alerts;
  Slo slo;
  std::vector<Model> models;
  Queue queue;
  Auth auth;
  Lifecycle lifecycle;
  Logs logs;
  Tracing tracing;
};

// Where a value was written. `source` is the file, "environment INFERD_X__Y", "--set x.y" or "default"; line and column count from 1 and
// are 0 where there are none.
struct Origin {
  std::string source;
  int line = 0;
  int column = 0;
};

struct Fault {
  Origin origin;
  std::string message;

  // "file:line:column: message", or "source: message".
  std::string ToString() const;
};

struct Sources {
  std::string file;                                              // empty: no file
  std::vector<std::pair<std::string, std::string>> environment;  // names without INFERD_, or without "__", are not looked at
  std::vector<std::string> sets;                                 // "section.key=value", "models[0].path=value"
  std::vector<std::string> sockets;  // addresses of sockets that were handed over: they are api.listen, whatever the layers say
};

struct Loaded {
  Config config;
  std::map<std::string, Origin> origins;  // by full name, "models[0].path"; a key that is not in here has its default
};

// Every fault of every layer, not only the first.
using Faults = std::vector<Fault>;
tl::expected<Loaded, Faults> Load(const Sources& sources);

// The process's environment, for Sources.
std::vector<std::pair<std::string, std::string>> ProcessEnvironment();

// Whether values that may be a secret are written out, or only what of them others may see (runtime/base/hide.h).
enum class Secrets : std::uint8_t { kShown, kHidden };

// The configuration as a YAML file that would give it, every key written out. With secrets hidden it is for people only.
std::string ToYaml(const Config& config, Secrets secrets = Secrets::kShown);
// The same, with all secrets, where each value that is not a default is followed by a comment that says where it comes from.
std::string ToYaml(const Loaded& loaded);

// docs/CONFIGURATION.md.
std::string Markdown();

// What differs between two configurations, by full name. For logs: of what may be a secret `from` and `to` are what others may see, and can
// be the same.
struct Change {
  std::string key;
  std::string from;
  std::string to;
  bool reloadable = false;  // a reload applies it; otherwise a restart is needed
};
std::vector<Change> Diff(const Config& before, const Config& after);

// Gives `to` the values of `from` that a reload applies, and leaves the others.
void CopyReloadable(Config& to, const Config& from);

}  // namespace inferd::config
