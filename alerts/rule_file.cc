#include "alerts/rule_file.h"

#include <glob.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "alerts/template.h"
#include "config/yaml_document.h"
#include "runtime/base/utf8.h"

namespace inferd::alerts {
namespace {

constexpr std::size_t kMaxFileBytes = 4 << 20;

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  RuleGroups Run(std::string_view text) {
    std::vector<RuleGroup> groups;
    if (!IsValidUtf8(text)) {
      faults_.push_back({file_, 0, 0, "the file is not valid UTF-8"});
      return tl::unexpected(std::move(faults_));
    }
    try {
      const OneDocument document = LoadOneDocument(std::string(text));
      if (document.has_second)
        faults_.push_back({file_, document.second.line + 1, document.second.column + 1, "more than one YAML document"});
      if (document.root.IsDefined() && !document.root.IsNull()) Whole(document.root, groups);
    } catch (const YAML::Exception& error) {
      faults_.push_back({file_, error.mark.line + 1, error.mark.column + 1, error.msg});
    }
    if (!faults_.empty()) return tl::unexpected(std::move(faults_));
    return groups;
  }

 private:
  void Fault(const YAML::Node& node, std::string message) {
    const YAML::Mark mark = node.Mark();
    faults_.push_back({file_, mark.line + 1, mark.column + 1, std::move(message)});
  }

  // The node's members by name. Unknown and repeated ones are faults.
  std::map<std::string, YAML::Node> Members(const YAML::Node& node, std::string_view what, std::initializer_list<std::string_view> known) {
    std::map<std::string, YAML::Node> members;
    if (!node.IsMap()) {
      Fault(node, std::string(what) + " must be a map");
      return members;
    }
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      if (std::ranges::find(known, key) == known.end()) {
        Fault(entry.first, "field " + key + " is not known in " + std::string(what));
      } else if (!members.emplace(key, entry.second).second) {
        Fault(entry.first, "field " + key + " is there twice");
      }
    }
    return members;
  }

  std::string Text(const YAML::Node& node, std::string_view name) {
    if (node.IsNull()) return "";
    if (node.IsScalar()) return node.Scalar();
    Fault(node, std::string(name) + " must be a text");
    return "";
  }

  Millis Time(const YAML::Node& node, std::string_view name) {
    const std::string text = Text(node, name);
    const auto duration = metrics::promql::ParseDuration(text);
    if (!duration) Fault(node, std::string(name) + ": not a valid duration: " + metrics::Quoted(text));
    return duration.value_or(0);
  }

  void Whole(const YAML::Node& node, std::vector<RuleGroup>& groups) {
    const auto members = Members(node, "the rule file", {"groups"});
    const auto list = members.find("groups");
    if (list == members.end() || list->second.IsNull()) return;
    if (!list->second.IsSequence()) return Fault(list->second, "groups must be a list");
    std::set<std::string> names;
    for (const auto& entry : list->second) {
      RuleGroup group = Group(entry);
      if (!group.name.empty() && !names.insert(group.name).second)
        Fault(entry, "groupname: " + metrics::Quoted(group.name) + " is repeated in the same file");
      groups.push_back(std::move(group));
    }
  }

  RuleGroup Group(const YAML::Node& node) {
    RuleGroup group;
    group.file = file_;
    auto members = Members(node, "a group", {"name", "interval", "query_offset", "limit", "labels", "rules"});
    if (const auto name = members.find("name"); name != members.end()) group.name = Text(name->second, "name");
    if (group.name.empty()) Fault(node, "Groupname must not be empty");
    if (const auto interval = members.find("interval"); interval != members.end()) {
      group.interval = Time(interval->second, "interval");
      if (group.interval == 0) group.interval.reset();
    }
    if (const auto offset = members.find("query_offset"); offset != members.end())
      group.query_offset = Time(offset->second, "query_offset");
    if (const auto limit = members.find("limit"); limit != members.end()) {
      if (!YAML::convert<std::size_t>::decode(limit->second, group.limit))
        Fault(limit->second, "limit must be a whole number of 0 or more");
    }
    std::map<std::string, std::string> labels;
    if (const auto found = members.find("labels"); found != members.end()) labels = Labels(found->second, "labels");
    const auto rules = members.find("rules");
    if (rules == members.end() || rules->second.IsNull()) return group;
    if (!rules->second.IsSequence()) {
      Fault(rules->second, "rules must be a list");
      return group;
    }
    for (const auto& entry : rules->second) {
      if (auto rule = OneRule(entry, labels)) group.rules.push_back(std::move(*rule));
    }
    ReportDuplicates(group, rules->second);
    return group;
  }

  // Two rules of one name and one set of labels in a group would write the same series.
  void ReportDuplicates(const RuleGroup& group, const YAML::Node& node) {
    std::set<std::pair<std::string, std::map<std::string, std::string>>> seen;
    for (const Rule& rule : group.rules) {
      if (!rule.is_alert && !seen.emplace(rule.name, rule.labels).second) {
        Fault(node, "group " + metrics::Quoted(group.name) + " records " + metrics::Quoted(rule.name) + " twice with the same labels");
      }
    }
  }

  std::map<std::string, std::string> Labels(const YAML::Node& node, std::string_view what) {
    std::map<std::string, std::string> labels;
    if (node.IsNull()) return labels;
    if (!node.IsMap()) {
      Fault(node, std::string(what) + " must be a map");
      return labels;
    }
    for (const auto& entry : node) {
      const std::string name = Text(entry.first, "a name in " + std::string(what));
      // Any text may be a name (UTF-8), as since Prometheus 3.
      if (name.empty() || (what == "labels" && name == metrics::kMetricName))
        Fault(entry.first, "invalid " + std::string(what == "labels" ? "label" : "annotation") + " name: " + metrics::Quoted(name));
      if (!labels.emplace(name, Text(entry.second, name)).second) Fault(entry.first, name + " is there twice");
    }
    return labels;
  }

  void CheckTemplates(const YAML::Node& node, const std::map<std::string, std::string>& texts) {
    for (const auto& [name, text] : texts) {
      if (const auto checked = CheckTemplate(text); !checked) Fault(node, name + ": " + checked.error().message);
    }
  }

  std::optional<Rule> OneRule(const YAML::Node& node, const std::map<std::string, std::string>& group_labels) {
    const std::size_t before = faults_.size();
    auto members = Members(node, "a rule", {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"});
    const auto text_of = [&](const std::string& name) { return members.contains(name) ? Text(members[name], name) : std::string(); };
    const std::string record = text_of("record");
    const std::string alert = text_of("alert");
    Rule rule;
    rule.is_alert = !alert.empty();
    rule.name = rule.is_alert ? alert : record;
    if (!record.empty() && !alert.empty()) Fault(node, "only one of 'record' and 'alert' must be set");
    if (record.empty() && alert.empty()) Fault(node, "one of 'record' or 'alert' must be set");
    if (!record.empty()) {
      if (record.find_first_of("{}") != std::string::npos) {
        Fault(members["record"], "braces present in the recording rule name; should it be in expr?: " + metrics::Quoted(record));
      }
      for (const std::string name : {"for", "keep_firing_for", "annotations"}) {
        if (members.contains(name)) Fault(members[name], "invalid field '" + name + "' in recording rule");
      }
    }
    const std::string expr = text_of("expr");
    if (expr.empty()) {
      Fault(node, "field 'expr' must be set in rule");
    } else if (auto parsed = metrics::Expression::Parse(expr)) {
      rule.expr = std::move(*parsed);
    } else {
      Fault(members["expr"], "could not parse expression: " + parsed.error().message);
    }
    if (members.contains("for")) rule.hold = Time(members["for"], "for");
    if (members.contains("keep_firing_for")) rule.keep_firing = Time(members["keep_firing_for"], "keep_firing_for");
    if (members.contains("labels")) rule.labels = Labels(members["labels"], "labels");
    if (members.contains("annotations")) rule.annotations = Labels(members["annotations"], "annotations");
    if (rule.is_alert && members.contains("labels")) CheckTemplates(members["labels"], rule.labels);
    if (members.contains("annotations")) CheckTemplates(members["annotations"], rule.annotations);
    rule.labels.insert(group_labels.begin(), group_labels.end());  // the rule's own win
    return faults_.size() == before ? std::optional(std::move(rule)) : std::nullopt;
  }

  std::string file_;
  std::vector<RuleFault> faults_;
};

}  // namespace

std::string RuleFault::ToString() const {
  return line == 0 ? file + ": " + message : file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message;
}

RuleGroups ParseRules(std::string_view text, const std::string& file) { return Reader(file).Run(text); }

RuleGroups ReadRuleFile(const std::string& path) {
  const auto fail = [&](std::string message) { return tl::unexpected(std::vector<RuleFault>{{path, 0, 0, std::move(message)}}); };
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail("cannot be read");
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail("cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) return fail("is larger than 4 MiB");
  return ParseRules(text, path);
}

RuleGroups ReadRuleFiles(std::span<const std::string> patterns) {
  std::vector<RuleGroup> groups;
  std::vector<RuleFault> faults;
  std::set<std::string> read;
  for (const std::string& pattern : patterns) {
    glob_t found{};
    const int result = ::glob(pattern.c_str(), 0, nullptr, &found);  // NOLINT(concurrency-mt-unsafe): only with GLOB_TILDE
    std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (result != 0 && result != GLOB_NOMATCH) faults.push_back({pattern, 0, 0, "cannot be searched for"});
    if (result == GLOB_NOMATCH && pattern.find_first_of("*?[") == std::string::npos) paths.push_back(pattern);
    for (const std::string& path : paths) {
      if (!read.insert(path).second) continue;
      auto file = ReadRuleFile(path);
      if (file) {
        std::ranges::move(*file, std::back_inserter(groups));
      } else {
        std::ranges::move(file.error(), std::back_inserter(faults));
      }
    }
  }
  if (!faults.empty()) return tl::unexpected(std::move(faults));
  return groups;
}

}  // namespace inferd::alerts
