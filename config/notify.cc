#include "config/notify.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "config/value.h"
#include "runtime/base/hide.h"

namespace inferd::config {
namespace {

constexpr std::array<std::string_view, 3> kTlsModes{"starttls", "tls", "none"};

Notifier& At(Config& c, Indices i) { return c.alerts.notify[i[0]]; }

const std::array kNotifierKeys{
    Key{.name = "alerts.notify[].name",
        .kind = Kind::kString,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).name; },
        .help =
            "Name of the notifier: in log lines, in the label notifier of metrics, for inferctl alerts test. Letters, digits and ._- are "
            "allowed, at most 64 of them. null: the name of its channel. No two notifiers may have the same name."},
    Key{.name = "alerts.notify[].group_by",
        .kind = Kind::kTextList,
        .fallback = "[alertname]",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).group_by; },
        .help =
            "Labels whose values put alerts into one message. []: all alerts into one. [...]: each by itself. Alertmanager groups by its "
            "own configuration, and the journal gets each alert by itself."},
    Key{.name = "alerts.notify[].group_wait",
        .kind = Kind::kDuration,
        .fallback = "0s",
        .min = 0,
        .max = kHour,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).group_wait; },
        .help =
            "Time from a group's first alert to its first message, so that others can go with it. What one evaluation finds goes together "
            "in any case."},
    Key{.name = "alerts.notify[].group_interval",
        .kind = Kind::kDuration,
        .fallback = "60s",
        .min = 0,
        .max = kDay,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).group_interval; },
        .help = "Least time between two messages of a group in which something has changed."},
    Key{.name = "alerts.notify[].repeat_interval",
        .kind = Kind::kDuration,
        .fallback = "4h",
        .min = 0,
        .max = 30 * kDay,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).repeat_interval; },
        .help = "Time after which a group that fires and has not changed is told of again. 0s: never."},
    Key{.name = "alerts.notify[].send_resolved",
        .kind = Kind::kBool,
        .fallback = "true",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).send_resolved; },
        .help = "Tell also that an alert fires no more, to whoever was told that it does."},
    Key{.name = "alerts.notify[].timeout",
        .kind = Kind::kDuration,
        .fallback = "10s",
        .min = 10 * kMs,
        .max = kHour,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).timeout; },
        .help =
            "Time that one delivery may take. What failed is tried again, after one second at first and 60 seconds at most, until it is "
            "delivered or no longer true."},
    Key{.name = "alerts.notify[].queue",
        .kind = Kind::kInteger,
        .fallback = "1000",
        .min = 1,
        .max = 100'000,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).queue; },
        .help = "Most alerts that are kept for the notifier, each with its latest state only. Further ones are dropped and counted, and "
                "offered again a minute later if they still fire."},
    Key{.name = "alerts.notify[].alertmanager.url",
        .kind = Kind::kUrlList,
        .fallback = kRequired,
        .min = 1,
        .secret = true,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).alertmanager.url; },
        .help =
            "Address of Alertmanager, such as http://127.0.0.1:9093. Of a cluster write the address of every peer, never that of a load "
            "balancer. Each gets everything, and each minute again what still fires."},
    Key{.name = "alerts.notify[].alertmanager.token_file",
        .kind = Kind::kPath,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).alertmanager.token_file; },
        .help = "File with a token that is sent as Authorization: Bearer. It is read for each delivery. credential:NAME is a credential of "
                "systemd. null: none is sent."},
    Key{.name = "alerts.notify[].alertmanager.ca_file",
        .kind = Kind::kPath,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).alertmanager.ca_file; },
        .help = "PEM file with the certificates that an https address may be signed by. null: the system's."},
    Key{.name = "alerts.notify[].webhook.url",
        .kind = Kind::kUrl,
        .fallback = kRequired,
        .secret = true,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).webhook.url; },
        .help =
            "Address that gets a POST with the message of Alertmanager's webhooks, version 4. Any answer of 2xx is success. Redirects are "
            "not followed."},
    Key{.name = "alerts.notify[].webhook.secret_file",
        .kind = Kind::kPath,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).webhook.secret_file; },
        .help = "File with a secret that signs: X-Inferd-Signature is sha256= and the HMAC-SHA256, in hexadecimal, of the time in "
                "X-Inferd-Timestamp, a dot and the body. It is read for each delivery; credential:NAME is a credential of systemd. null: "
                "nothing is signed."},
    Key{.name = "alerts.notify[].webhook.token_file",
        .kind = Kind::kPath,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).webhook.token_file; },
        .help = "File with a token that is sent as Authorization: Bearer. It is read for each delivery; credential:NAME is a credential of "
                "systemd. null: none is sent."},
    Key{.name = "alerts.notify[].webhook.ca_file",
        .kind = Kind::kPath,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).webhook.ca_file; },
        .help = "PEM file with the certificates that an https address may be signed by. null: the system's."},
    Key{.name = "alerts.notify[].exec.command",
        .kind = Kind::kArguments,
        .fallback = kRequired,
        .min = 1,
        .secret = true,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).exec.command; },
        .help = "Command that is run, a path and its arguments, without a shell. It gets the webhook's message on standard input and "
                "INFERD_ALERT_NAME, _STATUS, _SEVERITY and _SUMMARY in its environment; exit code 0 is success. What it writes goes to the "
                "log. When timeout has passed it is killed with its process group."},
    Key{.name = "alerts.notify[].journal.identifier",
        .kind = Kind::kString,
        .fallback = "inferd-alerts",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).journal.identifier; },
        .help = "SYSLOG_IDENTIFIER of the entries in systemd's journal: journalctl -t inferd-alerts."},
    Key{.name = "alerts.notify[].email.server",
        .kind = Kind::kString,
        .fallback = kRequired,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).email.server; },
        .help = "Mail server, host:port. 587 is usual for starttls, 465 for tls, 25 for a server on this machine."},
    Key{.name = "alerts.notify[].email.tls",
        .kind = Kind::kChoice,
        .fallback = "starttls",
        .choices = kTlsModes,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).email.tls; },
        .help =
            "How the connection is secured. starttls: by the command STARTTLS; a server without it is refused. tls: from the first byte. "
            "none: not at all; no password is sent then."},
    Key{.name = "alerts.notify[].email.from",
        .kind = Kind::kString,
        .fallback = kRequired,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).email.from; },
        .help = "Address that mails come from."},
    Key{.name = "alerts.notify[].email.to",
        .kind = Kind::kTextList,
        .fallback = kRequired,
        .min = 1,
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).email.to; },
        .help = "Addresses that mails go to."},
    Key{.name = "alerts.notify[].email.username",
        .kind = Kind::kString,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).email.username; },
        .help = "Name for the mail server. null: it is not asked to know who sends."},
    Key{.name = "alerts.notify[].email.password_file",
        .kind = Kind::kPath,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).email.password_file; },
        .help =
            "File with the password that belongs to username. It is read for each delivery; credential:NAME is a credential of systemd."},
    Key{.name = "alerts.notify[].email.ca_file",
        .kind = Kind::kPath,
        .fallback = "null",
        .unset = "null",
        .slot = [](Config& c, Indices i) -> Slot { return &At(c, i).email.ca_file; },
        .help = "PEM file with the certificates that the mail server's may be signed by. null: the system's."},
};

bool IsWord(std::string_view text, std::string_view others) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || others.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool IsLabel(std::string_view text) { return IsWord(text, "_") && std::isdigit(static_cast<unsigned char>(text.front())) == 0; }

// What goes between < and > of a mail's envelope and headers, and nothing that could leave them.
bool IsMailAddress(std::string_view text) {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.find('@', at + 1) == std::string_view::npos &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7F && std::string_view("<>()[]\\,;:\"").find(c) == std::string_view::npos; });
}

bool IsHostAndPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto port = ParseInteger(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    return port && *port > 0 && *port < 65536 && !host.empty() &&
           host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  }
  return port && *port > 0 && *port < 65536 && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](unsigned char c) {
           return (c < 0x80 && std::isalnum(c) != 0) || c == '.' || c == '-' || c == '_';
         });
}

}  // namespace

std::span<const Key> NotifyKeys() { return kNotifierKeys; }

ListKey NotifyList() {
  return {.name = "alerts.notify",
          .resize = [](Config& c, Indices, std::size_t n) { c.alerts.notify.resize(n); },
          .size = [](const Config& c, Indices) { return c.alerts.notify.size(); },
          .help = "Who is told of alerts, one entry each.",
          .variant = [](Config& c, Indices i) { return &At(c, i).channel; },
          .copy = [](Config& to, const Config& from) { to.alerts.notify = from.alerts.notify; }};
}

void CheckNotify(const Config& config, const std::function<bool(const std::string&)>& given,
                 const std::function<void(const std::string&, const std::string&)>& report) {
  const std::vector<Notifier>& all = config.alerts.notify;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Notifier& notifier = all[i];
    const std::string item = "alerts.notify[" + std::to_string(i) + "]";
    if (notifier.channel.empty()) {
      report(item, "has no channel; one of alertmanager, webhook, exec, journal and email is needed");
      continue;
    }
    const std::string section = item + "." + notifier.channel;
    const std::string pattern = "alerts.notify[]." + notifier.channel + ".";
    for (const Key& key : kNotifierKeys) {
      if (!key.name.starts_with(pattern) || key.fallback != kRequired) continue;
      const std::string leaf(key.name.substr(pattern.size()));
      if (!given(section + "." + leaf)) report(item, notifier.channel + "." + leaf + " is missing");
    }
    const std::string& name = notifier.shown_name();
    if (!IsWord(name, "._-")) report(item + ".name", "\"" + name + "\" is not a name; allowed: up to 64 letters, digits and ._-");
    for (std::size_t j = 0; j < i; ++j) {
      if (all[j].shown_name() == name) {
        report(item, "\"" + name + "\" is the name of alerts.notify[" + std::to_string(j) + "] already; give one of them another name");
      }
    }
    const bool grouped = notifier.channel != "alertmanager" && notifier.channel != "journal";
    const std::size_t indices[] = {i};
    for (const Key& key : kNotifierKeys) {
      const std::string leaf(key.name.substr(key.name.rfind('.') + 1));
      const bool grouping = leaf.starts_with("group_") || leaf == "repeat_interval";
      const bool foreign = (grouping && !grouped) || (leaf == "timeout" && notifier.channel == "journal");
      // As the default it does no harm: that is how a whole configuration is printed.
      if (!foreign || Format(key, key.slot(const_cast<Config&>(config), Indices(indices, 1))) == key.fallback) continue;
      report(item + "." + leaf, notifier.channel == "journal" ? "is not for the journal: it gets each alert by itself, at once"
                                                              : "is not for Alertmanager: it groups and repeats by its own configuration");
    }
    for (const std::string& label : notifier.group_by) {
      if (label != "..." && !IsLabel(label)) report(item + ".group_by", "\"" + label + "\" is not the name of a label");
    }
    if (notifier.channel == "exec" && !notifier.exec.command.empty() && !notifier.exec.command.front().starts_with('/')) {
      report(section + ".command",
             "\"" + HideArguments(notifier.exec.command.front()) + "\" is not an absolute path; there is no shell that would look for it");
    }
    if (notifier.channel == "journal" && !IsWord(notifier.journal.identifier, "._-")) {
      report(section + ".identifier",
             "\"" + notifier.journal.identifier + "\" is not an identifier; allowed: up to 64 letters, digits and ._-");
    }
    if (notifier.channel != "email") continue;
    const Notifier::Email& email = notifier.email;
    if (given(section + ".server") && !IsHostAndPort(email.server)) {
      report(section + ".server", "\"" + email.server + "\" is not of the form host:port");
    }
    if (given(section + ".from") && !IsMailAddress(email.from)) report(section + ".from", "\"" + email.from + "\" is not a mail address");
    for (const std::string& to : email.to) {
      if (!IsMailAddress(to)) report(section + ".to", "\"" + to + "\" is not a mail address");
    }
    if (email.username.has_value() != email.password_file.has_value()) {
      report(email.username ? section + ".username" : section + ".password_file", "username and password_file go together");
    }
    if (email.tls == "none" && email.password_file) {
      report(section + ".tls", "none would send the password in the clear; use starttls or tls, or no password");
    }
  }
}

}  // namespace inferd::config
