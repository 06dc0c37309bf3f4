#include "config/config.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "config/table.h"
#include "gtest/gtest.h"

namespace inferd::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kModel = "models: [{name: demo, path: demo.gguf}]\n";

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() : path_(std::filesystem::temp_directory_path() / ("inferd-config-test-" + std::to_string(getpid()) + ".yaml")) {}
  ~ConfigTest() override { std::filesystem::remove(path_); }

  tl::expected<Loaded, Faults> Read(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    sources_.file = path_.string();
    return Load(sources_);
  }
  // The faults, with the file's name replaced by F.
  std::vector<std::string> FaultsOf(const std::string& text) {
    std::vector<std::string> lines;
    const auto loaded = Read(text);
    if (loaded) return lines;
    for (const Fault& fault : loaded.error()) {
      std::string line = fault.ToString();
      if (line.starts_with(path_.string())) line.replace(0, path_.string().size(), "F");
      lines.push_back(line);
    }
    return lines;
  }
  std::string OnlyFault(const std::string& text) {
    const auto lines = FaultsOf(text);
    EXPECT_EQ(lines.size(), 1U) << testing::PrintToString(lines);
    return lines.empty() ? "" : lines[0];
  }

  std::filesystem::path path_;
  Sources sources_;
};

TEST_F(ConfigTest, EveryRowOfTheTableIsSound) {
  Config config;
  config.models.resize(1);
  config.alerts.notify.resize(1);
  std::set<std::string_view> names;
  for (const Key& key : Keys()) {
    // CopyReloadable does not look into lists.
    EXPECT_FALSE(key.reloadable && key.name.find("[]") != std::string_view::npos) << key.name;
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_TRUE(key.help.ends_with('.')) << key.name;
    EXPECT_EQ(key.help.find('|'), std::string_view::npos) << key.name;
    const std::size_t indices[] = {0};
    const Slot slot = key.slot(config, Indices(indices, 1));
    if (key.fallback == kRequired || std::holds_alternative<std::vector<std::string>*>(slot)) continue;
    const auto fault = SetScalar(key, slot, key.fallback, key.fallback == "null");
    EXPECT_FALSE(fault) << key.name << ": " << *fault;
    EXPECT_EQ(Format(key, slot), key.fallback.find(':') == std::string_view::npos ? key.fallback : "\"" + std::string(key.fallback) + "\"");
  }
}

TEST_F(ConfigTest, DefaultsAreThoseOfTheContract) {
  const auto loaded = Read(kModel);
  ASSERT_TRUE(loaded) << loaded.error()[0].ToString();
  const Config& c = loaded->config;
  EXPECT_THAT(c.api.listen, ElementsAre("127.0.0.1:8080"));
  EXPECT_EQ(c.api.max_connections, 4096);
  EXPECT_EQ(c.api.max_body, 4U << 20U);
  EXPECT_EQ(c.observability.listen, "127.0.0.1:9464");
  ASSERT_EQ(c.models.size(), 1U);
  EXPECT_EQ(c.models[0].max_running, 32);
  EXPECT_EQ(c.models[0].warmup, 10);
  EXPECT_FALSE(c.models[0].kv_cache);
  EXPECT_EQ(c.queue.capacity, 256);
  EXPECT_EQ(c.queue.deadline, std::chrono::seconds(60));
  EXPECT_THAT(c.queue.priorities, ElementsAre("interactive", "normal", "batch"));
  EXPECT_FALSE(c.auth.keys_file);
  EXPECT_EQ(c.logs.level, "info");
}

TEST_F(ConfigTest, ReadsEveryKindOfValue) {
  const auto loaded = Read(
      "api:\n  listen: ['127.0.0.1:0', \"[::1]:0\"]\n  max_body: 16MiB\n  idle_timeout: 1.5m\n"
      "models:\n- name: a\n  path: a.gguf\n  context: 2048\n  kv_cache: 1GiB\n  threads: auto\n  prefix_cache: false\n  chat: off\n"
      "- {name: b, path: b.gguf}\n"
      "observability: {disks: [/var, /srv], certificates: []}\nauth: {keys_file: /etc/inferd/keys}\nlogs:\n");
  ASSERT_TRUE(loaded) << loaded.error()[0].ToString();
  const Config& c = loaded->config;
  EXPECT_THAT(c.api.listen, ElementsAre("127.0.0.1:0", "[::1]:0"));
  EXPECT_EQ(c.api.idle_timeout, std::chrono::seconds(90));
  EXPECT_EQ(c.models[0].context, 2048);
  EXPECT_EQ(c.models[0].kv_cache, 1U << 30U);
  EXPECT_FALSE(c.models[0].threads);
  EXPECT_FALSE(c.models[0].prefix_cache);
  EXPECT_EQ(c.models[0].chat, "off");
  EXPECT_EQ(c.models[1].name, "b");
  EXPECT_THAT(c.observability.disks, ElementsAre("/var", "/srv"));
  EXPECT_THAT(c.observability.certificates, ElementsAre());
  EXPECT_EQ(c.auth.keys_file, "/etc/inferd/keys");
}

TEST_F(ConfigTest, SocketsThatWereHandedOverAreTheAddresses) {
  sources_.sockets = {"127.0.0.1:8080", "[::1]:8080"};
  sources_.sets = {"api.listen=127.0.0.1:1"};
  const auto loaded = Read(kModel);
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->config.api.listen, ElementsAre("127.0.0.1:8080", "[::1]:8080"));
  sources_.sockets = {"0.0.0.0:8080"};
  const auto open = Read(kModel);
  ASSERT_FALSE(open) << "the rule about keys holds for them, too";
  EXPECT_THAT(open.error().at(0).ToString(), HasSubstr("socket of the service manager: api.listen: \"0.0.0.0:8080\""));
}

TEST_F(ConfigTest, LaterLayersWin) {
  sources_.environment = {{"INFERD_QUEUE__CAPACITY", "20"},
                          {"INFERD_MODELS__0__CONTEXT", "512"},
                          {"INFERD_TESTS", "x"},
                          {"HOME", "/"},
                          {"INFERD_API__LISTEN", "127.0.0.1:1,[::1]:1"}};
  sources_.sets = {"queue.capacity=30", "models[1].name=two", "models[1].path=two: a path.gguf", "logs.access=false"};
  const auto loaded = Read(std::string(kModel) + "queue: {capacity: 10, deadline: 5s}\n");
  ASSERT_TRUE(loaded) << loaded.error()[0].ToString();
  EXPECT_EQ(loaded->config.queue.capacity, 30);
  EXPECT_EQ(loaded->config.queue.deadline, std::chrono::seconds(5));
  EXPECT_EQ(loaded->config.models[0].context, 512);
  EXPECT_EQ(loaded->config.models[1].path, "two: a path.gguf");
  EXPECT_EQ(loaded->config.models[1].max_running, 32);
  EXPECT_THAT(loaded->config.api.listen, ElementsAre("127.0.0.1:1", "[::1]:1"));
  EXPECT_EQ(loaded->origins.at("queue.capacity").source, "--set queue.capacity");
  EXPECT_EQ(loaded->origins.at("queue.deadline").line, 2);
}

TEST_F(ConfigTest, ReportsEveryFaultWithItsPlace) {
  EXPECT_THAT(FaultsOf("api:\n"
                       "  listen: ['127.0.0.1:8080', nowhere]\n"
                       "  max_bdy: 4MiB\n"
                       "  max_connections: many\n"
                       "  idle_timeout: 60\n"
                       "models:\n"
                       "  - name: demo\n"
                       "    context: 1\n"
                       "queue: {capacity: 0, priorities: [normal, urgent]}\n"
                       "logs:\n"
                       "  access: yes\n"),
              ElementsAre("F:2:30: api.listen: \"nowhere\" is not an address to listen on; allowed: an IP address and a port, such as "
                          "127.0.0.1:8080 or \"[::1]:8080\"",
                          "F:3:3: unknown key \"api.max_bdy\"; the nearest known key is \"api.max_body\"",
                          "F:4:20: api.max_connections: \"many\" is not an integer; allowed: 1 to 1000000",
                          "F:5:17: api.idle_timeout: \"60\" is not a duration; allowed: 10ms to 1d, with the unit ms, s, m, h or d",
                          "F:8:14: models[0].context: 1 is out of range; allowed: 16 to 10000000, or auto",
                          "F:9:19: queue.capacity: 0 is out of range; allowed: 1 to 1000000",
                          "F:9:43: queue.priorities: \"urgent\" is not one of: interactive, normal, batch",
                          "F:11:11: logs.access: \"yes\" is not a boolean; allowed: true or false", "F:7:5: models[0]: path is missing"));
}

TEST_F(ConfigTest, WrongShapes) {
  EXPECT_EQ(OnlyFault("just text"), "F:1:1: must be a section of keys and values (key: value)");
  EXPECT_THAT(FaultsOf("models: {name: demo}"),
              ElementsAre("F:1:9: models: must be a list of entries (- key: value)",
                          "F:1:9: models: no model is configured; at least one entry with name and path is needed"));
  EXPECT_EQ(OnlyFault(std::string(kModel) + "api: 5"), "F:2:6: api: must be a section of keys and values (key: value)");
  EXPECT_THAT(OnlyFault(std::string(kModel) + "api: {max_body: [1, 2]}"), HasSubstr("F:2:18: api.max_body: a list is not allowed here"));
  EXPECT_THAT(OnlyFault(std::string(kModel) + "api: {max_body: {a: 2}}"), HasSubstr("F:2:17: api.max_body: a section is not allowed here"));
  EXPECT_THAT(OnlyFault(std::string(kModel) + "api: {max_body: }"), HasSubstr("api.max_body: needs a value"));
  EXPECT_THAT(OnlyFault(std::string(kModel) + "api: {listen: []}"), HasSubstr("the list is empty"));
  EXPECT_EQ(OnlyFault(std::string(kModel) + "queue: {capacity: 1}\nqueue: {capacity: 2}\n"),
            "F:3:1: queue: is given twice; the first time in line 2");
  EXPECT_THAT(OnlyFault("a: [1"), HasSubstr("is not valid YAML"));
  EXPECT_EQ(OnlyFault("a: b\n# \xFF"), "F:2:3: is not valid UTF-8");
  EXPECT_EQ(OnlyFault("---\nmodels: []\n---\nb: 1\n"), "F:3:1: a second YAML document is not allowed");
  for (const char* text : {",g:", ", :", "]x:"}) EXPECT_THAT(OnlyFault(text), HasSubstr("F:1:")) << text;
}

TEST_F(ConfigTest, LaterFeaturesAreNotAcceptedSilently) {
  for (const char* section : {"scaling: {policies: []}"}) {
    EXPECT_THAT(OnlyFault(std::string(kModel) + section), HasSubstr("unknown key"));
  }
}

TEST_F(ConfigTest, SectionsMayStandInSections) {
  sources_.environment = {{"INFERD_LOGS__ROTATE__KEEP", "3"}};
  sources_.sets = {"logs.levels.access=warn"};
  const auto loaded =
      Read(std::string(kModel) + "logs:\n  file: /var/log/x.log\n  rotate: {size: 1MiB, every: 0s}\n  audit: {keep: 10d}\n");
  ASSERT_TRUE(loaded) << loaded.error()[0].ToString();
  const Logs& logs = loaded->config.logs;
  EXPECT_EQ(logs.file, "/var/log/x.log");
  EXPECT_EQ(logs.rotate.size, 1U << 20U);
  EXPECT_EQ(logs.rotate.every, Duration{});
  EXPECT_EQ(logs.rotate.keep, 3);
  EXPECT_EQ(logs.audit.keep, std::chrono::hours(240));
  EXPECT_EQ(logs.levels[1], "warn");
  EXPECT_FALSE(logs.levels[0]);
  sources_ = {};
  const auto again = Read(ToYaml(loaded->config));
  ASSERT_TRUE(again) << again.error()[0].ToString();
  EXPECT_TRUE(Diff(loaded->config, again->config).empty());
}

TEST_F(ConfigTest, NotifiersHaveOneChannelEach) {
  const auto loaded =
      Read(std::string(kModel) +
           "alerts:\n"
           "  notify:\n"
           "  - alertmanager: {url: 'http://127.0.0.1:9093'}\n"
           "  - webhook: {url: 'https://hooks.example.com/x?y=z', secret_file: /etc/inferd/secret}\n"
           "    name: pager\n"
           "    group_by: [alertname, model]\n"
           "    group_interval: 5m\n"
           "  - exec: {command: [/usr/bin/logger, -t, '', -t]}\n"
           "    timeout: 30s\n"
           "  - journal:\n"
           "  - email: {server: 'mail.example.com:587', from: a@b.c, to: [x@y.z], username: u, password_file: 'credential:mail'}\n");
  ASSERT_TRUE(loaded) << loaded.error()[0].ToString();
  const std::vector<Notifier>& notify = loaded->config.alerts.notify;
  ASSERT_EQ(notify.size(), 5U);
  EXPECT_EQ(notify[0].channel, "alertmanager");
  EXPECT_EQ(notify[0].shown_name(), "alertmanager");
  EXPECT_THAT(notify[0].alertmanager.url, ElementsAre("http://127.0.0.1:9093"));
  EXPECT_EQ(notify[1].shown_name(), "pager");
  EXPECT_EQ(notify[1].webhook.secret_file, "/etc/inferd/secret");
  EXPECT_THAT(notify[1].group_by, ElementsAre("alertname", "model"));
  EXPECT_EQ(notify[1].group_interval, std::chrono::minutes(5));
  EXPECT_THAT(notify[0].group_by, ElementsAre("alertname"));
  EXPECT_THAT(notify[2].exec.command, ElementsAre("/usr/bin/logger", "-t", "", "-t"));
  EXPECT_EQ(notify[3].channel, "journal");
  EXPECT_EQ(notify[4].email.tls, "starttls");

  const std::string yaml = ToYaml(loaded->config);
  EXPECT_THAT(yaml, HasSubstr("\n  notify:\n    - name: null\n      group_by: [alertname]\n"));
  EXPECT_THAT(yaml, HasSubstr("      journal:\n        identifier: inferd-alerts\n"));
  const auto again = Read(yaml);
  ASSERT_TRUE(again) << again.error()[0].ToString();
  EXPECT_TRUE(Diff(loaded->config, again->config).empty());
}

TEST_F(ConfigTest, NotifiersAreReloadedAsAWhole) {
  const std::string text = std::string(kModel) + "alerts: {notify: [{webhook: {url: 'http://a/'}}, {journal: }]}";
  const Config before = Read(text)->config;
  const Config after =
      Read(std::string(kModel) + "alerts: {notify: [{webhook: {url: 'http://b/'}}, {exec: {command: [/x]}}, {journal: }]}")->config;
  std::set<std::string> changed;
  for (const Change& change : Diff(before, after)) {
    EXPECT_TRUE(change.reloadable) << change.key;
    changed.insert(change.key + ": " + change.from + " > " + change.to);
  }
  EXPECT_TRUE(changed.contains("alerts.notify: 2 entries > 3 entries"));
  EXPECT_TRUE(changed.contains("alerts.notify[0].webhook.url: \"http://a/\" > \"http://b/\""));
  EXPECT_TRUE(changed.contains("alerts.notify[1]: journal > exec"));
  Config config = before;
  CopyReloadable(config, after);
  EXPECT_EQ(config.alerts.notify.size(), 3U);
  EXPECT_TRUE(Diff(config, after).empty());
}

// Whatever may be a secret is one here, in every way of telling others of a configuration.
TEST_F(ConfigTest, SecretsAreHiddenFromOthers) {
  const auto with = [](const std::string& secret) {
    return std::string(kModel) + "tracing: {otlp: 'http://user:" + secret + "@collector:4318/" + secret +
           "'}\n"
           "alerts:\n"
           "  notify:\n"
           "  - webhook: {url: 'https://hooks.example.com/" +
           secret +
           "?x=y'}\n"
           "  - alertmanager: {url: ['http://a:9093', 'http://b:9093/" +
           secret +
           "']}\n"
           "  - exec: {command: [/usr/bin/notify, -u, " +
           secret + "]}\n";
  };
  const auto loaded = Read(with("hunter2"));
  ASSERT_TRUE(loaded) << loaded.error()[0].ToString();
  const std::string yaml = ToYaml(loaded->config, Secrets::kHidden);
  EXPECT_THAT(yaml, Not(HasSubstr("hunter2")));
  EXPECT_THAT(yaml, HasSubstr("otlp: \"http://(hidden)@collector:4318/(hidden)\"\n"));
  EXPECT_THAT(yaml, HasSubstr("url: \"https://hooks.example.com/(hidden)\"\n"));
  EXPECT_THAT(yaml, HasSubstr("url: [\"http://a:9093\", \"http://b:9093/(hidden)\"]\n"));
  EXPECT_THAT(yaml, HasSubstr("command: [/usr/bin/notify, (hidden), (hidden)]\n"));
  // The operator's own view has them.
  EXPECT_THAT(ToYaml(*loaded), HasSubstr("https://hooks.example.com/hunter2?x=y"));

  const auto changed = Read(with("2retnuh"));
  ASSERT_TRUE(changed);
  const auto changes = Diff(loaded->config, changed->config);
  EXPECT_EQ(changes.size(), 4U);
  for (const Change& change : changes) {
    EXPECT_THAT(change.from, AllOf(HasSubstr("(hidden)"), Not(HasSubstr("hunter2")))) << change.key;
    EXPECT_EQ(change.to, change.from) << change.key;
  }

  const std::string notify = std::string(kModel) + "alerts: {notify: [";
  for (const std::string& text : {notify + "{webhook: {url: 'http://me:hunter2@host/'}}]}", notify + "{webhook: {url: hunter2}}]}",
                                  notify + "{alertmanager: {url: ['http://a/hunter2', 'http://a/hunter2']}}]}",
                                  notify + "{exec: {command: curl -u me:hunter2}}]}", std::string(kModel) + "tracing: {otlp: 'hunter2'}"}) {
    EXPECT_THAT(OnlyFault(text), AllOf(HasSubstr("(hidden)"), Not(HasSubstr("hunter2")))) << text;
  }
}

TEST_F(ConfigTest, NotifiersByOverride) {
  sources_.sets = {"alerts.notify[0].webhook.url=http://a/", "alerts.notify[0].name=x", "alerts.notify[1].exec.command=[/bin/a, b]"};
  const auto loaded = Read(kModel);
  ASSERT_TRUE(loaded) << loaded.error()[0].ToString();
  EXPECT_EQ(loaded->config.alerts.notify[0].channel, "webhook");
  EXPECT_EQ(loaded->config.alerts.notify[1].channel, "exec");
  sources_.sets = {"alerts.notify[0].webhook.url=http://a/", "alerts.notify[0].exec.command=/bin/a"};
  EXPECT_EQ(
      OnlyFault(kModel),
      "--set alerts.notify[0].exec.command: alerts.notify[0].exec.command: the entry has webhook already; each needs an entry of its own");
}

TEST_F(ConfigTest, NotifiersSayWhatIsWrong) {
  const auto fault = [&](const std::string& entry) { return OnlyFault(std::string(kModel) + "alerts: {notify: [" + entry + "]}"); };
  EXPECT_EQ(fault("{name: x}"),
            "F:2:19: alerts.notify[0]: has no channel; one of alertmanager, webhook, exec, journal and email is needed");
  EXPECT_THAT(fault("{webhook: {url: 'http://a'}, exec: {command: [/a]}}"),
              HasSubstr("F:2:48: alerts.notify[0].exec: the entry has webhook already"));
  EXPECT_EQ(fault("{webhook: {}}"), "F:2:19: alerts.notify[0]: webhook.url is missing");
  EXPECT_EQ(FaultsOf(std::string(kModel) + "alerts: {notify: [{webhok: {url: 'http://a'}}]}").at(0),
            "F:2:20: unknown key \"alerts.notify[0].webhok\"; the nearest known key is \"alerts.notify[].webhook\"");
  for (const char* url : {"ftp://a", "http://", "a:80", "http://user:secret@host/", "http://a b/"}) {
    EXPECT_THAT(fault("{webhook: {url: '" + std::string(url) + "'}}"), HasSubstr("is not an address of the form http://host:port/path"))
        << url;
  }
  EXPECT_THAT(fault("{exec: {command: [notify-send, x]}}"), HasSubstr("is not an absolute path"));
  EXPECT_THAT(fault("{exec: {command: []}}"), HasSubstr("needs at least one item"));
  EXPECT_THAT(fault("{alertmanager: {url: 'http://a'}, group_wait: 5s}"),
              HasSubstr("F:2:65: alerts.notify[0].group_wait: is not for Alertmanager"));
  EXPECT_THAT(fault("{journal: , repeat_interval: 1h}"), HasSubstr("is not for the journal"));
  EXPECT_THAT(fault("{webhook: {url: 'http://a'}, group_by: [a-b]}"), HasSubstr("is not the name of a label"));
  EXPECT_THAT(fault("{webhook: {url: 'http://a'}, name: 'a b'}"), HasSubstr("is not a name"));
  EXPECT_THAT(fault("{journal: }, {journal: }"), HasSubstr("alerts.notify[1]: \"journal\" is the name of alerts.notify[0] already"));
  EXPECT_THAT(fault("{email: {server: mail, from: a@b, to: [c@d]}}"), HasSubstr("is not of the form host:port"));
  EXPECT_THAT(fault("{email: {server: 'mail:25', from: a@b, to: [\"c@d>\\r\\nX: y\"]}}"), HasSubstr("is not a mail address"));
  EXPECT_THAT(fault("{email: {server: 'mail:25', from: a@b, to: [c@d], username: u}}"),
              HasSubstr("username and password_file go together"));
  EXPECT_THAT(fault("{email: {server: 'mail:25', from: a@b, to: [c@d], tls: none, username: u, password_file: p}}"),
              HasSubstr("in the clear"));
  EXPECT_THAT(FaultsOf(std::string(kModel) + "alerts: {notify: [{email: {}}]}").size(), 3U);
}

TEST_F(ConfigTest, NumbersHaveARange) {
  EXPECT_EQ(Read(std::string(kModel) + "tracing: {sample: 0.25}")->config.tracing.sample, 0.25);
  for (const char* bad : {"1.5", "-0.1", "nan", "inf", "often", "0.5x"}) {
    EXPECT_THAT(OnlyFault(std::string(kModel) + "tracing: {sample: " + bad + "}"), HasSubstr("0 to 1")) << bad;
  }
}

TEST_F(ConfigTest, LogsAndTracesAreCheckedTogether) {
  EXPECT_THAT(OnlyFault(std::string(kModel) + "tracing: {otlp: 'collector:4318'}"), HasSubstr("http://host:port"));
  EXPECT_THAT(OnlyFault(std::string(kModel) + "logs: {file: a.log, audit: {file: a.log}}"), HasSubstr("needs a file of its own"));
}

TEST_F(ConfigTest, TheNearestKeyMayBeInAnotherSection) {
  EXPECT_THAT(OnlyFault(std::string(kModel) + "max_body: 4MiB"), HasSubstr("the nearest known key is \"api.max_body\""));
  EXPECT_THAT(OnlyFault(std::string(kModel) + "quue: {}"), HasSubstr("the nearest known key is \"queue\""));
}

TEST_F(ConfigTest, ChecksWhatOneKeyAloneCannotTell) {
  EXPECT_THAT(OnlyFault(std::string(kModel) + "api: {listen: ['0.0.0.0:8080']}"),
              HasSubstr("without auth.keys_file everybody could use it"));
  EXPECT_TRUE(Read(std::string(kModel) + "api: {listen: ['0.0.0.0:8080']}\nauth: {keys_file: k}"));
  EXPECT_THAT(OnlyFault("models: [{name: a, path: x}, {name: a, path: y}]"),
              HasSubstr("F:1:37: models[1].name: \"a\" is the name of models[0] already"));
  EXPECT_THAT(OnlyFault("models: [{name: 'a b', path: x}]"), HasSubstr("is not a model name"));
  EXPECT_THAT(OnlyFault("models: [{name: a, path: x, max_running: 64, max_batch_tokens: 32}]"), HasSubstr("32 is less than max_running"));
  EXPECT_THAT(OnlyFault("models: [{name: other, path: x}]"), HasSubstr("is taken"));
  EXPECT_THAT(OnlyFault(""), HasSubstr("no model is configured"));
  EXPECT_THAT(OnlyFault(std::string(kModel) + "observability: {listen: '127.0.0.1:8080'}"), HasSubstr("is listened on already"));
}

TEST_F(ConfigTest, FaultsOfOverridesNameThem) {
  sources_.environment = {{"INFERD_API__MAX_BODIE", "1MiB"}};
  sources_.sets = {"queue.capacity", "queue.capacity=-1", "models[3].path=x", "models[.path=x", "api.listen=[a"};
  const auto lines = FaultsOf(kModel);
  EXPECT_THAT(lines,
              ElementsAre("environment INFERD_API__MAX_BODIE: unknown key \"api.max_bodie\"; the nearest known key is \"api.max_body\"",
                          "--set queue.capacity: needs the form section.key=value",
                          "--set queue.capacity: queue.capacity: -1 is out of range; allowed: 1 to 1000000",
                          "--set models[3].path: models[3].path: entry 3 of models does not exist; there are 1",
                          "--set models[.path: \"models[.path\" is not a key; write section.key or models[0].key",
                          HasSubstr("\"[a\" is not an address to listen on")));
}

TEST_F(ConfigTest, AMissingFileIsAFault) {
  sources_.file = "/nonexistent/inferd.yaml";
  const auto loaded = Load(sources_);
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.error().size(), 1U);
  EXPECT_THAT(loaded.error()[0].ToString(), HasSubstr("/nonexistent/inferd.yaml: cannot be read: No such file"));
}

TEST_F(ConfigTest, PrintedConfigurationReadsBackTheSame) {
  const auto first =
      Read("models: [{name: demo, path: 'a # strange: \"path\".gguf', chat: 'on', kv_cache: 3MiB}]\nauth: {keys_file: '~'}\n");
  ASSERT_TRUE(first) << first.error()[0].ToString();
  const auto second = Read(ToYaml(first->config));
  ASSERT_TRUE(second) << second.error()[0].ToString();
  EXPECT_EQ(ToYaml(second->config), ToYaml(first->config));
  EXPECT_TRUE(Diff(first->config, second->config).empty());
  EXPECT_THAT(ToYaml(*first), HasSubstr(path_.string() + ":2"));
}

TEST_F(ConfigTest, DiffSaysWhatAReloadCanChange) {
  const auto before = Read(kModel);
  const auto after = Read(std::string(kModel) + "queue: {deadline: 5s, capacity: 9}\n");
  ASSERT_TRUE(before && after);
  const auto changes = Diff(before->config, after->config);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].key, "queue.capacity");
  EXPECT_FALSE(changes[0].reloadable);
  EXPECT_EQ(changes[1].key, "queue.deadline");
  EXPECT_EQ(changes[1].from, "60s");
  EXPECT_EQ(changes[1].to, "5s");
  EXPECT_TRUE(changes[1].reloadable);

  Config running = before->config;
  CopyReloadable(running, after->config);
  EXPECT_EQ(running.queue.deadline, std::chrono::seconds(5));
  EXPECT_EQ(running.queue.capacity, 256);
}

// The page is generated: INFERD_UPDATE_DOCS=1 writes it anew.
TEST_F(ConfigTest, DocumentationIsUpToDate) {
  const std::string path = std::string(INFERD_SOURCE_DIR) + "/docs/CONFIGURATION.md";
  if (std::getenv("INFERD_UPDATE_DOCS") != nullptr) std::ofstream(path) << Markdown();
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), Markdown()) << "run INFERD_UPDATE_DOCS=1 config_test";
}

}  // namespace
}  // namespace inferd::config
