// The configuration written out: as YAML, as the page docs/CONFIGURATION.md, and as the difference between two of them.
#include <algorithm>

#include "config/config.h"
#include "config/table.h"

namespace inferd::config {
namespace {

// The slot of a value that is only read: rows of the table give one way in for both.
Slot SlotOf(const Key& key, const Config& config, Indices indices) { return key.slot(const_cast<Config&>(config), indices); }

std::string_view LeafOf(std::string_view name) { return name.substr(name.rfind('.') + 1); }

std::string FullName(std::string_view pattern, std::size_t index) {
  std::string name(pattern);
  const std::size_t brackets = name.find("[]");
  if (brackets != std::string::npos) name.insert(brackets + 1, std::to_string(index));
  return name;
}

// For a cell of a Markdown table.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

// Writes a section, its own keys first and then the sections in it, as the table has them.
class YamlWriter {
 public:
  YamlWriter(const Config& config, const std::map<std::string, Origin>& origins, Secrets secrets)
      : config_(config), origins_(origins), secrets_(secrets) {}

  std::string Section(const std::string& section, Indices indices, std::size_t indent) const {
    std::string text;
    std::vector<std::string> inner;
    for (const Key& key : Keys()) {
      if (!section.empty() && !key.name.starts_with(section + ".")) continue;
      const std::string_view rest = key.name.substr(section.empty() ? 0 : section.size() + 1);
      const std::size_t dot = rest.find('.');
      if (dot == std::string_view::npos) {
        text += Line(key, indices, indent);
      } else if (std::string name(key.name.substr(0, key.name.size() - rest.size() + dot));
                 std::find(inner.begin(), inner.end(), name) == inner.end()) {
        inner.push_back(std::move(name));
      }
    }
    for (const std::string& name : inner) text += Inner(name, indices, indent);
    return text;
  }

 private:
  std::string Line(const Key& key, Indices indices, std::size_t indent) const {
    std::string text =
        std::string(indent, ' ') + std::string(LeafOf(key.name)) + ": " + Format(key, SlotOf(key, config_, indices), secrets_);
    const auto origin = origins_.find(FullName(key.name, indices.empty() ? 0 : indices[0]));
    if (origin != origins_.end()) {
      text += "  # " + origin->second.source;
      if (origin->second.line > 0) text += ":" + std::to_string(origin->second.line);
    }
    return text + "\n";
  }

  std::string Inner(const std::string& section, Indices indices, std::size_t indent) const {
    const std::string head = std::string(indent, ' ') + std::string(LeafOf(section));
    if (!section.ends_with("[]")) {
      std::string_view variant;
      const ListKey* list = VariantOf(section, variant);
      // Of the variants only the one that was chosen.
      if (list != nullptr && *list->variant(const_cast<Config&>(config_), indices) != variant) return {};
      return head + ":\n" + Section(section, indices, indent + 2);
    }
    const auto list =
        std::find_if(ListKeys().begin(), ListKeys().end(), [&](const ListKey& l) { return section == std::string(l.name) + "[]"; });
    const std::size_t size = list->size(config_, {});
    std::string text = head.substr(0, head.size() - 2) + (size == 0 ? ": []\n" : ":\n");
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t at[] = {i};
      std::string entry = Section(section, at, indent + 4);
      entry[indent + 2] = '-';
      text += entry;
    }
    return text;
  }

  const Config& config_;
  const std::map<std::string, Origin>& origins_;
  const Secrets secrets_;
};

}  // namespace

std::string ToYaml(const Config& config, Secrets secrets) { return YamlWriter(config, {}, secrets).Section("", {}, 0); }
std::string ToYaml(const Loaded& loaded) { return YamlWriter(loaded.config, loaded.origins, Secrets::kShown).Section("", {}, 0); }

std::string Markdown() {
  std::string text =
      "<!-- Generated from config/table.cc: `inferd --help-config-markdown > docs/CONFIGURATION.md`. -->\n"
      "# Configuration\n"
      "\n"
      "inferd reads one YAML file: `inferd --config FILE`, or `/etc/inferd/inferd.yaml` without that option. Every key has a default "
      "except "
      "the name and the path of a model.\n"
      "\n"
      "Four layers make the configuration, and a later one wins: the default, the file, the environment variable `INFERD_SECTION__KEY`, "
      "and "
      "the option `--set section.key=value`. For example `api.max_body` is `INFERD_API__MAX_BODY` in the environment and "
      "`--set api.max_body=8MiB` on the command line. The first model's path is `INFERD_MODELS__0__PATH` and `--set models[0].path=FILE`. "
      "Lists are written `[a, b]` or `a,b` there.\n"
      "\n"
      "`inferd --config FILE --check` says what is wrong with a file without starting anything: one line `file:line:column: message` for "
      "every "
      "fault. It exits with 0 when there is none and with 2 otherwise. `inferctl config check FILE` does the same, and `inferctl config "
      "print` "
      "shows every value and where it comes from.\n"
      "\n"
      "`systemctl reload inferd` or SIGHUP reads the file again. Keys that say so below change at once; a change of any other key is "
      "reported "
      "and waits for a restart. A file with a fault changes nothing: the running configuration stays, the log says why, and the metric "
      "`inferd_config_last_reload_successful` is 0 until a reload succeeds.\n"
      "\n"
      "Sizes are bytes or take the unit KiB, MiB, GiB or TiB. Durations take the unit ms, s, m, h or d.\n"
      "\n"
      "| key | type | default | help |\n"
      "|---|---|---|---|\n";
  for (const Key& key : Keys()) {
    text += "| `" + std::string(key.name) + "` | " + Cell(TypeText(key)) + " | `" + Cell(key.fallback) + "` | " + Cell(key.help);
    if (Reloadable(key)) text += " A reload applies a change.";
    text += " |\n";
  }
  text +=
      "\n"
      "## Example\n"
      "\n"
      "```yaml\n"
      "api:\n"
      "  listen: [\"127.0.0.1:8080\"]\n"
      "models:\n"
      "  - name: demo\n"
      "    path: models/demo/inferd-demo.gguf\n"
      "    context: 2048\n"
      "queue:\n"
      "  capacity: 256\n"
      "  deadline: 60s\n"
      "```\n";
  return text;
}

std::vector<Change> Diff(const Config& before, const Config& after) {
  std::vector<Change> changes;
  for (const ListKey& list : ListKeys()) {
    const std::size_t from = list.size(before, {});
    const std::size_t to = list.size(after, {});
    const bool reloadable = list.copy != nullptr;
    if (from != to)
      changes.push_back({std::string(list.name), std::to_string(from) + " entries", std::to_string(to) + " entries", reloadable});
    for (std::size_t i = 0; list.variant != nullptr && i < std::min(from, to); ++i) {
      const std::size_t indices[] = {i};
      const std::string& was = *list.variant(const_cast<Config&>(before), Indices(indices, 1));
      const std::string& is = *list.variant(const_cast<Config&>(after), Indices(indices, 1));
      if (was != is) changes.push_back({std::string(list.name) + "[" + std::to_string(i) + "]", was, is, reloadable});
    }
  }
  for (const Key& key : Keys()) {
    std::size_t common = 1;
    for (const ListKey& list : ListKeys()) {
      if (key.name.starts_with(std::string(list.name) + "[]")) common = std::min(list.size(before, {}), list.size(after, {}));
    }
    for (std::size_t i = 0; i < common; ++i) {
      const std::size_t indices[] = {i};
      const Slot from = SlotOf(key, before, indices);
      const Slot to = SlotOf(key, after, indices);
      if (Format(key, from) == Format(key, to)) continue;
      changes.push_back({FullName(key.name, i), Format(key, from, Secrets::kHidden), Format(key, to, Secrets::kHidden), Reloadable(key)});
    }
  }
  return changes;
}

void CopyReloadable(Config& to, const Config& from) {
  for (const Key& key : Keys()) {
    if (!key.reloadable) continue;
    std::visit([&](auto* target) { *target = *std::get<decltype(target)>(SlotOf(key, from, {})); }, key.slot(to, {}));
  }
  for (const ListKey& list : ListKeys()) {
    if (list.copy != nullptr) list.copy(to, from);
  }
}

}  // namespace inferd::config
