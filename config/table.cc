#include "config/table.h"

#include <array>

namespace inferd::config {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kGiB = 1024 * kMiB;

constexpr std::array<std::string_view, 2> kKvTypes{"f16", "f32"};
constexpr std::array<std::string_view, 3> kAutoOnOff{"auto", "on", "off"};
constexpr std::array<std::string_view, 2> kCompat{"vllm", "otel"};
constexpr std::array<std::string_view, 3> kPriorities{"interactive", "normal", "batch"};
constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info", "warn", "error", "critical"};

const std::array kKeys{
    Key{.name = "api.listen",
        .kind = Kind::kAddressList,
        .fallback = "[\"127.0.0.1:8080\"]",
        .min = 1,
        .slot = [](Config& c, Indices) -> Slot { return &c.api.listen; },
        .help = "Addresses that the OpenAI-compatible API listens on, each an IP address and a port. Write IPv6 addresses in brackets: "
                "\"[::1]:8080\". Port 0 takes a free port and logs it. Without auth.keys_file only loopback addresses are allowed."},
    Key{.name = "api.threads",
        .kind = Kind::kInteger,
        .fallback = "1",
        .min = 1,
        .max = 16,
        .slot = [](Config& c, Indices) -> Slot { return &c.api.threads; },
        .help = "Threads that read and write API connections. One thread carries thousands of streams; more are useful only when many "
                "short requests arrive and cores are free."},
    Key{.name = "api.max_connections",
        .kind = Kind::kInteger,
        .fallback = "4096",
        .min = 1,
        .max = 1'000'000,
        .slot = [](Config& c, Indices) -> Slot { return &c.api.max_connections; },
        .help = "Most API connections open at the same time. One more gets the answer 503 and is closed."},
    Key{.name = "api.max_body",
        .kind = Kind::kSize,
        .fallback = "4MiB",
        .min = kKiB,
        .max = kGiB,
        .slot = [](Config& c, Indices) -> Slot { return &c.api.max_body; },
        .help = "Largest request body that is read. A larger one gets the answer 413."},
    Key{.name = "api.max_header",
        .kind = Kind::kSize,
        .fallback = "16KiB",
        .min = kKiB,
        .max = kMiB,
        .slot = [](Config& c, Indices) -> Slot { return &c.api.max_header; },
        .help = "Largest request line and headers together. Larger ones get the answer 431."},
    Key{.name = "api.header_timeout",
        .kind = Kind::kDuration,
        .fallback = "10s",
        .min = 10 * kMs,
        .max = kHour,
        .slot = [](Config& c, Indices) -> Slot { return &c.api.header_timeout; },
        .help = "Time that a client has to send the headers of a request, counted from their first byte, and then once more to send the "
                "body. A large body gets one more second for each 64KiB that have come. A slower connection gets the answer 408 and is "
                "closed."},
    Key{.name = "api.idle_timeout",
        .kind = Kind::kDuration,
        .fallback = "60s",
        .min = 10 * kMs,
        .max = 24 * kHour,
        .slot = [](Config& c, Indices) -> Slot { return &c.api.idle_timeout; },
        .help = "Time that a connection may stay open without a request. It is closed after that."},
    Key{.name = "api.write_timeout",
        .kind = Kind::kDuration,
        .fallback = "30s",
        .min = 10 * kMs,
        .max = kHour,
        .slot = [](Config& c, Indices) -> Slot { return &c.api.write_timeout; },
        .help = "Time that a client has to take what was written to it. A client that does not read for longer is dropped and its request "
                "is cancelled."},
    Key{.name = "observability.enabled",
        .kind = Kind::kBool,
        .fallback = "true",
        .slot = [](Config& c, Indices) -> Slot { return &c.observability.enabled; },
        .help =
            "Measure and answer on observability.listen. false leaves health on the API's address and nothing else; there is no reason to "
            "but finding out what measuring costs."},
    Key{.name = "observability.listen",
        .kind = Kind::kAddress,
        .fallback = "127.0.0.1:9464",
        .slot = [](Config& c, Indices) -> Slot { return &c.observability.listen; },
        .help = "Address of metrics, health, status and console: an IP address and a port. Port 0 takes a free port and logs it. Without "
                "auth.keys_file only a loopback address is allowed."},
    Key{.name = "observability.interval",
        .kind = Kind::kDuration,
        .fallback = "5s",
        .min = 100 * kMs,
        .max = kHour,
        .slot = [](Config& c, Indices) -> Slot { return &c.observability.interval; },
        .help = "Time between two samplings of the machine, the process and the engine for metrics."},
    Key{.name = "observability.disks",
        .kind = Kind::kPathList,
        .fallback = "[]",
        .slot = [](Config& c, Indices) -> Slot { return &c.observability.disks; },
        .help = "Paths whose file systems' free space is shown in inferd_disk_free_bytes. Empty: the folders of the models."},
    Key{.name = "observability.certificates",
        .kind = Kind::kPathList,
        .fallback = "[]",
        .slot = [](Config& c, Indices) -> Slot { return &c.observability.certificates; },
        .help = "PEM files, such as those of a proxy before inferd, whose expiry is shown in inferd_certificate_expiry_timestamp_seconds."},
    Key{.name = "observability.compat",
        .kind = Kind::kChoiceList,
        .fallback = "[]",
        .choices = kCompat,
        .slot = [](Config& c, Indices) -> Slot { return &c.observability.compat; },
        .help =
            "Names of other projects under which metrics are exported as well. vllm: the names of vLLM, for its dashboards and for "
            "gateways "
            "that route by them; they have colons, which promtool check metrics finds fault with. otel: OpenTelemetry's conventions for "
            "generative AI servers."},
    Key{.name = "observability.max_series",
        .kind = Kind::kInteger,
        .fallback = "20000",
        .min = 1000,
        .max = 1'000'000,
        .slot = [](Config& c, Indices) -> Slot { return &c.observability.max_series; },
        .help = "Most series in one answer of /metrics. Values of labels such as model or path that do not fit are shown as other, and "
                "inferd_metrics_label_overflow_total counts them."},
    Key{.name = "slo.ttft",
        .kind = Kind::kDuration,
        .fallback = "1s",
        .min = 0,
        .max = kHour,
        .slot = [](Config& c, Indices) -> Slot { return &c.slo.ttft; },
        .help = "Objective for the time from the arrival of a request to its first token. inferd_slo_good_total counts the requests that "
                "meet it, exactly. 0s keeps no such objective."},
    Key{.name = "slo.inter_token",
        .kind = Kind::kDuration,
        .fallback = "100ms",
        .min = 0,
        .max = kHour,
        .slot = [](Config& c, Indices) -> Slot { return &c.slo.inter_token; },
        .help = "Objective for the mean time between two tokens of one answer. 0s keeps no such objective."},
    Key{.name = "slo.duration",
        .kind = Kind::kDuration,
        .fallback = "30s",
        .min = 0,
        .max = 24 * kHour,
        .slot = [](Config& c, Indices) -> Slot { return &c.slo.duration; },
        .help = "Objective for the time from the arrival of a request to the end of its answer. 0s keeps no such objective."},
    Key{.name = "models[].name",
        .kind = Kind::kString,
        .fallback = kRequired,
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].name; },
        .help = "Name that clients ask for in the field model, and the value of the label model in metrics. Letters, digits and ._:/- are "
                "allowed, at most 64 of them. No two models may have the same name."},
    Key{.name = "models[].path",
        .kind = Kind::kPath,
        .fallback = kRequired,
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].path; },
        .help = "GGUF file of the model. A relative path starts at the directory that inferd was started in."},
    Key{.name = "models[].context",
        .kind = Kind::kInteger,
        .fallback = "auto",
        .min = 16,
        .max = 10'000'000,
        .unset = "auto",
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].context; },
        .help = "Most tokens of one request, prompt and answer together. auto takes the length that the model was trained for. A smaller "
                "value saves KV cache memory."},
    Key{.name = "models[].max_running",
        .kind = Kind::kInteger,
        .fallback = "32",
        .min = 1,
        .max = 4096,
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].max_running; },
        .help = "Most sequences that are computed together in one batch. More give more tokens per second in all, and fewer to each."},
    Key{.name = "models[].max_batch_tokens",
        .kind = Kind::kInteger,
        .fallback = "512",
        .min = 1,
        .max = 65536,
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].max_batch_tokens; },
        .help = "Most tokens that one engine step computes. Longer prompts are read in pieces of this size, so that running answers do not "
                "wait for them. At least max_running."},
    Key{.name = "models[].kv_cache",
        .kind = Kind::kSize,
        .fallback = "auto",
        .min = kMiB,
        .max = 1024 * 1024 * kGiB,
        .unset = "auto",
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].kv_cache; },
        .help = "Memory for attention keys and values. auto takes enough for max_running sequences of the whole context, at most a quarter "
                "of the machine's memory."},
    Key{.name = "models[].kv_type",
        .kind = Kind::kChoice,
        .fallback = "f16",
        .choices = kKvTypes,
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].kv_type; },
        .help = "Number format of the KV cache. f16 halves the memory; f32 is exact."},
    Key{.name = "models[].prefix_cache",
        .kind = Kind::kBool,
        .fallback = "true",
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].prefix_cache; },
        .help = "Keep the KV cache of prompts that were already read, so that a later prompt with the same beginning skips that part."},
    Key{.name = "models[].threads",
        .kind = Kind::kInteger,
        .fallback = "auto",
        .min = 1,
        .max = 1024,
        .unset = "auto",
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].threads; },
        .help = "Compute threads of the model. auto takes one for each physical core that the process may use."},
    Key{.name = "models[].warmup",
        .kind = Kind::kInteger,
        .fallback = "10",
        .min = 0,
        .max = 1000,
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].warmup; },
        .help = "Passes through the model before it is called ready, so that the first request is as fast as the next ones. 0 warms up "
                "nothing."},
    Key{.name = "models[].chat",
        .kind = Kind::kChoice,
        .fallback = "auto",
        .choices = kAutoOnOff,
        .slot = [](Config& c, Indices i) -> Slot { return &c.models[i[0]].chat; },
        .help =
            "Whether the model answers /v1/chat/completions. auto: if its file has a chat template that inferd knows. on: refuse to start "
            "without one. off: completions only."},
    Key{.name = "queue.capacity",
        .kind = Kind::kInteger,
        .fallback = "256",
        .min = 1,
        .max = 1'000'000,
        .slot = [](Config& c, Indices) -> Slot { return &c.queue.capacity; },
        .help = "Most requests that wait for each model. One more gets the answer 429 with a Retry-After header."},
    Key{.name = "queue.deadline",
        .kind = Kind::kDuration,
        .fallback = "60s",
        .min = 10 * kMs,
        .max = 24 * kHour,
        .reloadable = true,
        .slot = [](Config& c, Indices) -> Slot { return &c.queue.deadline; },
        .help = "Time after which a request without a finished answer is given up. A client can ask for less with the header "
                "X-Request-Timeout in seconds. A request that expires before its first byte gets the answer 408."},
    Key{.name = "queue.priorities",
        .kind = Kind::kChoiceList,
        .fallback = "[interactive, normal, batch]",
        .min = 1,
        .choices = kPriorities,
        .reloadable = true,
        .slot = [](Config& c, Indices) -> Slot { return &c.queue.priorities; },
        .help =
            "Priorities that requests may ask for. interactive goes before normal and normal before batch. A request that asks for none "
            "is normal, or the first of the list if normal is not in it."},
    Key{.name = "queue.aging",
        .kind = Kind::kDuration,
        .fallback = "10s",
        .min = 100 * kMs,
        .max = 24 * kHour,
        .slot = [](Config& c, Indices) -> Slot { return &c.queue.aging; },
        .help =
            "Waiting this long counts as much as one higher class of priority, so that batch requests are served under steady load too."},
    Key{.name = "auth.keys_file",
        .kind = Kind::kPath,
        .fallback = "null",
        .unset = "null",
        .reloadable = true,
        .slot = [](Config& c, Indices) -> Slot { return &c.auth.keys_file; },
        .help = "File with the API keys that are accepted, one line name:role:sha256 each, where sha256 is the SHA-256 of the key in "
                "hexadecimal. Roles are user, metrics and admin. A reload reads the file again. credential:NAME is the "
                "credential that systemd's LoadCredential=NAME:FILE hands over; a restart reads it again. null: everybody may ask, and "
                "only loopback "
                "addresses "
                "may be listened on."},
    Key{.name = "lifecycle.drain_timeout",
        .kind = Kind::kDuration,
        .fallback = "30s",
        .min = 0,
        .max = 24 * kHour,
        .reloadable = true,
        .slot = [](Config& c, Indices) -> Slot { return &c.lifecycle.drain_timeout; },
        .help = "Time that running requests get to finish after SIGTERM or SIGINT. What is not finished by then is cut. New requests are "
                "refused with 503 meanwhile."},
    Key{.name = "lifecycle.stop_timeout",
        .kind = Kind::kDuration,
        .fallback = "20s",
        .min = kSecond,
        .max = kHour,
        .reloadable = true,
        .slot = [](Config& c, Indices) -> Slot { return &c.lifecycle.stop_timeout; },
        .help =
            "Time that stopping may take after the drain. An engine that is stuck inside a step cannot be stopped: when this has passed, "
            "the process says so and ends with exit code 1."},
    Key{.name = "logs.level",
        .kind = Kind::kChoice,
        .fallback = "info",
        .choices = kLevels,
        .reloadable = true,
        .slot = [](Config& c, Indices) -> Slot { return &c.logs.level; },
        .help = "Least important log lines that are written. Each level includes the ones after it."},
    Key{.name = "logs.access",
        .kind = Kind::kBool,
        .fallback = "true",
        .reloadable = true,
        .slot = [](Config& c, Indices) -> Slot { return &c.logs.access; },
        .help = "Write one line for each finished request to a generation endpoint at level info. false writes it at level debug."},
};

const std::array kListKeys{
    ListKey{.name = "models",
            .resize = [](Config& c, Indices, std::size_t n) { c.models.resize(n); },
            .size = [](const Config& c, Indices) { return c.models.size(); },
            .help = "The models that are served, one entry each."},
};

}  // namespace

std::span<const Key> Keys() { return kKeys; }
std::span<const ListKey> ListKeys() { return kListKeys; }

}  // namespace inferd::config
