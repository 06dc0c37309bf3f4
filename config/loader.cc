// Reads the layers into a Config. Every layer is walked against the table of keys; what does not fit becomes a Fault with its place, and
// reading goes on, so that one run reports everything.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>

#include "config/config.h"
#include "config/notify.h"
#include "config/table.h"
#include "config/value.h"
#include "config/yaml_document.h"
#include "runtime/base/errno_text.h"
#include "runtime/base/hide.h"
#include "runtime/base/utf8.h"

extern char** environ;

namespace inferd::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

std::string Dotted(std::string_view prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : std::string(prefix) + "." + std::string(name);
}

const Key* FindKey(std::string_view pattern) {
  for (const Key& key : Keys()) {
    if (key.name == pattern) return &key;
  }
  return nullptr;
}

const ListKey* FindListKey(std::string_view pattern) {
  for (const ListKey& key : ListKeys()) {
    if (key.name == pattern) return &key;
  }
  return nullptr;
}

bool IsSection(std::string_view pattern) {
  return std::any_of(Keys().begin(), Keys().end(), [&](const Key& key) {
    return key.name.size() > pattern.size() && key.name.starts_with(pattern) && key.name[pattern.size()] == '.';
  });
}

// Every name that may be written: keys, lists and the sections above them.
std::set<std::string, std::less<>> KnownNames() {
  std::set<std::string, std::less<>> names;
  for (const Key& key : Keys()) {
    names.emplace(key.name);
    for (std::size_t dot = key.name.find('.'); dot != std::string_view::npos; dot = key.name.find('.', dot + 1)) {
      std::string_view section = key.name.substr(0, dot);
      if (section.ends_with("[]")) section.remove_suffix(2);
      names.emplace(section);
    }
  }
  return names;
}

std::string_view LastPart(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

// The known name that is most like `pattern`, as a whole or, in another section, by its last part.
std::string NearestName(std::string_view pattern) {
  std::string best;
  std::size_t best_cost = std::numeric_limits<std::size_t>::max();
  for (const std::string& name : KnownNames()) {
    const std::size_t cost = std::min(2 * EditDistance(name, pattern), 2 * EditDistance(LastPart(name), LastPart(pattern)) + 1);
    if (cost < best_cost) {
      best_cost = cost;
      best = name;
    }
  }
  return best;
}

// "models[0].path" -> "models[].path" and {0}. Nothing for a malformed name.
struct Path {
  std::string pattern;
  std::vector<std::size_t> indices;
};
std::optional<Path> ParsePath(std::string_view name) {
  Path path;
  while (!name.empty()) {
    const std::size_t open = name.find('[');
    path.pattern += name.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = name.find(']', open);
    if (close == std::string_view::npos) return std::nullopt;
    const auto index = ParseInteger(name.substr(open + 1, close - open - 1));
    if (!index || *index < 0 || *index > 1'000'000) return std::nullopt;
    path.indices.push_back(static_cast<std::size_t>(*index));
    path.pattern += "[]";
    name.remove_prefix(close + 1);
  }
  return path;
}

// INFERD_MODELS__0__PATH -> models[0].path
std::string NameOfVariable(std::string_view rest) {
  std::string name;
  for (;;) {
    const std::size_t end = rest.find("__");
    std::string part(rest.substr(0, end));
    std::transform(part.begin(), part.end(), part.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!part.empty() && part.find_first_not_of("0123456789") == std::string::npos) {
      name += "[" + part + "]";
    } else {
      name = Dotted(name, part);
    }
    if (end == std::string_view::npos) return name;
    rest.remove_prefix(end + 2);
  }
}

class Loader {
 public:
  Loader() { SetDefaults(loaded_.config, "", {}); }

  void File(const std::string& path);
  void Override(const Origin& origin, const std::string& name, const std::string& text);
  void CheckTogether(const std::string& file);

  Loaded loaded_;
  Faults faults_;
  bool understood_ = true;  // whether the file is a configuration file at all

 private:
  // Where a node was written: its mark in a file, or the override as a whole.
  Origin At(const YAML::Node& node) const {
    if (!in_file_ || node.Mark().is_null()) return source_;
    return {source_.source, node.Mark().line + 1, node.Mark().column + 1};
  }
  void Report(const Origin& origin, const std::string& name, const std::string& message) {
    faults_.push_back({origin, name.empty() ? message : name + ": " + message});
  }

  void WalkSection(const YAML::Node& node, const std::string& pattern, const std::string& name, std::vector<std::size_t>& indices);
  void WalkEntry(const Origin& at, const YAML::Node& node, const std::string& pattern, const std::string& name,
                 std::vector<std::size_t>& indices);
  void WalkList(const ListKey& list, const YAML::Node& node, const std::string& name, std::vector<std::size_t>& indices);
  void SetKey(const Key& key, const YAML::Node& node, const std::string& name, Indices indices);
  void SetKeyFromText(const Key& key, const std::string& text, const std::string& name, Indices indices);
  bool Choose(const Origin& at, const std::string& pattern, const std::string& name, Indices indices);
  void ForgetBelow(const std::string& name);
  Origin OriginOf(const std::string& name, const std::string& file) const;

  Origin source_;
  bool in_file_ = false;
};

void Loader::File(const std::string& path) {
  source_ = {path, 0, 0};
  in_file_ = true;
  understood_ = false;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return Report(source_, "", "cannot be read: " + ErrnoText(errno));
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (stream.gcount() == 0 && !stream.eof())) return Report(source_, "", "cannot be read");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxFileBytes) return Report(source_, "", "is larger than 1MiB: not a configuration file");

  Origin place{path, 1, 1};
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = DecodeUtf8(text, i);
    if (point.value == kInvalidCodePoint || point.value == 0) {
      return Report(place, "", point.value == 0 ? "a NUL character is not allowed" : "is not valid UTF-8");
    }
    i += point.length;
    place.column = point.value == '\n' ? 1 : place.column + 1;
    place.line += point.value == '\n' ? 1 : 0;
  }
  try {
    const OneDocument document = LoadOneDocument(text);
    if (document.has_second)
      return Report({path, document.second.line + 1, document.second.column + 1}, "", "a second YAML document is not allowed");
    understood_ = document.root.IsMap() || document.root.IsNull();
    std::vector<std::size_t> indices;
    WalkSection(document.root, "", "", indices);
  } catch (const YAML::Exception& e) {
    Report({path, e.mark.line + 1, e.mark.column + 1}, "", "is not valid YAML: " + e.msg);
  }
}

void Loader::WalkSection(const YAML::Node& node, const std::string& pattern, const std::string& name, std::vector<std::size_t>& indices) {
  if (node.IsNull()) return;
  if (!node.IsMap()) return Report(At(node), name, "must be a section of keys and values (key: value)");
  std::map<std::string, Origin> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      Report(At(entry.first), name, "a key must be a plain word");
      continue;
    }
    const std::string& word = entry.first.Scalar();
    const Origin at = At(entry.first);
    const auto [first, fresh] = seen.emplace(word, at);
    if (!fresh) {
      Report(at, Dotted(name, word), "is given twice; the first time in line " + std::to_string(first->second.line));
      continue;
    }
    WalkEntry(at, entry.second, Dotted(pattern, word), Dotted(name, word), indices);
  }
}

void Loader::WalkEntry(const Origin& at, const YAML::Node& node, const std::string& pattern, const std::string& name,
                       std::vector<std::size_t>& indices) {
  if (!Choose(at, pattern, name, indices)) return;
  if (const Key* key = FindKey(pattern)) return SetKey(*key, node, name, indices);
  if (const ListKey* list = FindListKey(pattern)) return WalkList(*list, node, name, indices);
  if (IsSection(pattern)) return WalkSection(node, pattern, name, indices);
  Report(at, "", "unknown key \"" + name + "\"; the nearest known key is \"" + NearestName(pattern) + "\"");
}

// Remembers which variant an entry is, when `pattern` is one or leads into one. False when it is another one already.
bool Loader::Choose(const Origin& at, const std::string& pattern, const std::string& name, Indices indices) {
  std::string_view variant;
  const ListKey* list = VariantOf(pattern, variant);
  if (list == nullptr) return true;
  std::string& chosen = *list->variant(loaded_.config, indices);
  if (chosen.empty()) chosen = variant;
  if (chosen == variant) return true;
  Report(at, name, "the entry has " + chosen + " already; each needs an entry of its own");
  return false;
}

void Loader::ForgetBelow(const std::string& name) {
  std::erase_if(loaded_.origins, [&](const auto& entry) { return entry.first.starts_with(name + "["); });
}

void Loader::WalkList(const ListKey& list, const YAML::Node& node, const std::string& name, std::vector<std::size_t>& indices) {
  loaded_.origins[name] = At(node);
  if (!node.IsSequence()) return Report(At(node), name, "must be a list of entries (- key: value)");
  ForgetBelow(name);
  list.resize(loaded_.config, indices, 0);
  list.resize(loaded_.config, indices, node.size());
  for (std::size_t i = 0; i < node.size(); ++i) {
    const std::string item = name + "[" + std::to_string(i) + "]";
    const std::string pattern = std::string(list.name) + "[]";
    indices.push_back(i);
    SetDefaults(loaded_.config, pattern, indices);
    loaded_.origins[item] = At(node[i]);
    WalkSection(node[i], pattern, item, indices);
    indices.pop_back();
  }
}

void Loader::SetKey(const Key& key, const YAML::Node& node, const std::string& name, Indices indices) {
  loaded_.origins[name] = At(node);
  const Slot slot = key.slot(loaded_.config, indices);
  if (node.IsScalar() || node.IsNull()) {
    const bool is_null = node.IsNull() || (node.Scalar() == "null" && node.Tag() != "!");
    if (auto fault = SetScalar(key, slot, node.IsNull() ? "" : node.Scalar(), is_null)) Report(At(node), name, *fault);
    return;
  }
  if (!node.IsSequence()) return Report(At(node), name, "a section is not allowed here; allowed: " + TypeText(key));
  std::vector<std::string> items;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return Report(At(item), name, "an item must be a plain value; allowed: " + TypeText(key));
    items.push_back(item.Scalar());
  }
  std::size_t wrong = 0;
  if (auto fault = SetList(key, slot, items, wrong))
    Report(wrong < items.size() && items.size() > 1 ? At(node[wrong]) : At(node), name, *fault);
}

// An override's value is taken as it stands, so that no shell needs YAML's quotes; only lists are written [a, b] or a,b.
void Loader::SetKeyFromText(const Key& key, const std::string& text, const std::string& name, Indices indices) {
  loaded_.origins[name] = source_;
  const Slot slot = key.slot(loaded_.config, indices);
  if (!std::holds_alternative<std::vector<std::string>*>(slot)) {
    if (auto fault = SetScalar(key, slot, text, text.empty() || text == "null")) Report(source_, name, *fault);
    return;
  }
  if (text.starts_with('[') && text.ends_with(']')) return SetKey(key, YAML::Load(text), name, indices);
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    items.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  std::size_t wrong = 0;
  if (auto fault = SetList(key, slot, items, wrong)) Report(source_, name, *fault);
}

void Loader::Override(const Origin& origin, const std::string& name, const std::string& text) {
  source_ = origin;
  in_file_ = false;
  const auto path = ParsePath(name);
  if (!path) return Report(origin, "", "\"" + name + "\" is not a key; write section.key or models[0].key");

  // Entries of lists on the way: the next free one may be begun, a gap may not be left.
  std::size_t depth = 0;
  for (std::size_t open = path->pattern.find("[]"); open != std::string::npos; open = path->pattern.find("[]", open + 2)) {
    const std::string list_pattern = path->pattern.substr(0, open);
    const ListKey* list = FindListKey(list_pattern);
    if (list == nullptr) break;  // reported as unknown below
    const Indices outer = Indices(path->indices).first(depth);
    const Indices here = Indices(path->indices).first(depth + 1);
    const std::size_t size = list->size(loaded_.config, outer);
    if (here.back() > size) {
      return Report(origin, name,
                    "entry " + std::to_string(here.back()) + " of " + list_pattern + " does not exist; there are " + std::to_string(size));
    }
    if (here.back() == size) {
      list->resize(loaded_.config, outer, size + 1);
      SetDefaults(loaded_.config, list_pattern + "[]", here);
      loaded_.origins[name.substr(0, name.rfind(']') + 1)] = origin;
    }
    ++depth;
  }

  try {
    std::vector<std::size_t> indices = path->indices;
    if (!Choose(origin, path->pattern, name, indices)) return;
    if (const Key* key = FindKey(path->pattern)) return SetKeyFromText(*key, text, name, indices);
    WalkEntry(origin, YAML::Load(text), path->pattern, name, indices);
  } catch (const YAML::Exception& e) {
    Report(origin, name, "is not valid YAML: " + e.msg);
  }
}

Origin Loader::OriginOf(const std::string& name, const std::string& file) const {
  const auto found = loaded_.origins.find(name);
  if (found != loaded_.origins.end()) return found->second;
  return {file.empty() ? "default" : file, 0, 0};
}

// What one key alone cannot tell.
void Loader::CheckTogether(const std::string& file) {
  const Config& config = loaded_.config;
  const auto report = [&](const std::string& name, const std::string& message) { Report(OriginOf(name, file), name, message); };

  if (config.models.empty()) report("models", "no model is configured; at least one entry with name and path is needed");
  for (std::size_t i = 0; i < config.models.size(); ++i) {
    const std::string item = "models[" + std::to_string(i) + "]";
    for (const char* required : {"name", "path"}) {
      if (!loaded_.origins.contains(item + "." + required)) report(item, std::string(required) + " is missing");
    }
    const std::string& name = config.models[i].name;
    const bool sane = name.size() <= 64 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
                        return (c < 0x80 && std::isalnum(c) != 0) || c == '.' || c == '_' || c == ':' || c == '/' || c == '-';
                      });
    if (!sane) report(item + ".name", "\"" + name + "\" is not a model name; allowed: up to 64 letters, digits and ._:/-");
    if (config.models[i].max_batch_tokens < config.models[i].max_running) {
      report(item + ".max_batch_tokens", std::to_string(config.models[i].max_batch_tokens) + " is less than max_running, which is " +
                                             std::to_string(config.models[i].max_running) +
                                             "; each running sequence needs a token in the batch");
    }
    if (name == "other") report(item + ".name", "\"other\" is taken: metrics use it for requests that name no known model");
    for (std::size_t j = 0; j < i; ++j) {
      if (!name.empty() && config.models[j].name == name) {
        report(item + ".name", "\"" + name + "\" is the name of models[" + std::to_string(j) + "] already");
      }
    }
  }

  if (config.tracing.otlp && !config.tracing.otlp->starts_with("http://") && !config.tracing.otlp->starts_with("https://")) {
    report("tracing.otlp",
           "\"" + HideInUrl(*config.tracing.otlp) + "\" is not an address of the form http://host:port or https://host:port");
  }
  if (config.logs.file && config.logs.audit.file == config.logs.file) {
    report("logs.audit.file", "\"" + *config.logs.file + "\" is logs.file already; the audit log needs a file of its own");
  }

  CheckNotify(
      config, [&](const std::string& name) { return loaded_.origins.contains(name); }, report);

  std::vector<std::pair<std::string, std::string>> listens{{"observability.listen", config.observability.listen}};
  for (const std::string& listen : config.api.listen) listens.emplace_back("api.listen", listen);
  std::set<std::string> taken;
  for (const auto& [name, text] : listens) {
    const auto address = ParseListenAddress(text);
    if (!address) continue;  // reported already
    if (!address->loopback && !config.auth.keys_file) {
      report(name, "\"" + text +
                       "\" can be reached from other machines, and without auth.keys_file everybody could use it; set auth.keys_file, "
                       "or listen on a loopback address such as 127.0.0.1:" +
                       std::to_string(address->port));
    }
    if (address->port != 0 && !taken.insert(address->host + " " + std::to_string(address->port)).second) {
      report(name, "\"" + text + "\" is listened on already");
    }
  }
}

}  // namespace

std::string Fault::ToString() const {
  if (origin.line == 0) return origin.source + ": " + message;
  return origin.source + ":" + std::to_string(origin.line) + ":" + std::to_string(origin.column) + ": " + message;
}

void SetDefaults(Config& config, std::string_view prefix, Indices indices) {
  for (const Key& key : Keys()) {
    const bool in_list = key.name.rfind("[]") != std::string_view::npos;
    const std::string_view list = in_list ? key.name.substr(0, key.name.rfind("[]") + 2) : std::string_view();
    if (list != prefix || key.fallback == kRequired) continue;
    const Slot slot = key.slot(config, indices);
    if (auto* const* items = std::get_if<std::vector<std::string>*>(&slot)) {
      (*items)->clear();
      for (const YAML::Node& item : YAML::Load(std::string(key.fallback))) (*items)->push_back(item.Scalar());
    } else {
      SetScalar(key, slot, key.fallback, key.fallback == "null");
    }
  }
}

tl::expected<Loaded, Faults> Load(const Sources& sources) {
  Loader loader;
  if (!sources.file.empty()) loader.File(sources.file);
  for (const auto& [variable, value] : sources.environment) {
    constexpr std::string_view kPrefix = "INFERD_";
    if (!variable.starts_with(kPrefix) || variable.find("__") == std::string::npos) continue;
    loader.Override({"environment " + variable, 0, 0}, NameOfVariable(std::string_view(variable).substr(kPrefix.size())), value);
  }
  for (const std::string& set : sources.sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) {
      loader.faults_.push_back({{"--set " + set, 0, 0}, "needs the form section.key=value"});
      continue;
    }
    const std::string name = set.substr(0, equals);
    loader.Override({"--set " + name, 0, 0}, name, set.substr(equals + 1));
  }
  if (!sources.sockets.empty()) {
    std::string addresses;
    for (const std::string& address : sources.sockets) addresses += (addresses.empty() ? "" : ",") + address;
    loader.Override({"socket of the service manager", 0, 0}, "api.listen", addresses);
  }
  // A file that could not be understood would only bring faults about what it does not say.
  if (loader.understood_) loader.CheckTogether(sources.file);
  if (!loader.faults_.empty()) return tl::unexpected<Faults>(std::move(loader.faults_));
  return std::move(loader.loaded_);
}

std::vector<std::pair<std::string, std::string>> ProcessEnvironment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace inferd::config
