#include "alerts/template.h"

#include <algorithm>
#include <utility>

#include "alerts/template_functions.h"
#include "alerts/template_tree.h"

namespace inferd::alerts {
namespace {

constexpr std::size_t kMaxOutput = 64 << 10;

class Expansion {
 public:
  explicit Expansion(const TemplateData& data) : data_(data) {
    variables_ = {
        {"labels", data.labels}, {"externalLabels", data.external_labels}, {"externalURL", data.external_url}, {"value", data.value}};
    variables_.emplace_back("", RootValue{});  // $ alone
  }

  Result<> Run(const Elements& elements, const TemplateValue& dot) {
    const std::size_t outer = variables_.size();
    for (const Element& element : elements) INFERD_RETURN_IF_ERROR(One(element, dot));
    variables_.resize(outer);
    return {};
  }

  std::string Take() { return std::move(out_); }

 private:
  Result<> Write(std::string_view text) {
    if (out_.size() + text.size() > kMaxOutput) return Wrong("the text is longer than " + std::to_string(kMaxOutput) + " bytes");
    out_ += text;
    return {};
  }

  Result<> One(const Element& element, const TemplateValue& dot) {
    if (element.kind == Element::Kind::kText) return Write(element.text);
    const std::size_t outer = variables_.size();
    INFERD_ASSIGN_OR_RETURN(const TemplateValue value, Evaluate(element.pipeline, dot));
    Result<> done;
    switch (element.kind) {
      case Element::Kind::kText: break;
      case Element::Kind::kOutput:
        INFERD_RETURN_IF_ERROR(Assign(element.pipeline, element.pipeline.variables.size() == 1 ? value : TemplateValue(NoValue{})));
        // A declaration prints nothing, and holds until the block ends.
        return element.pipeline.variables.empty() ? Write(PrintValue(value)) : Result<>();
      case Element::Kind::kIf:
      case Element::Kind::kWith: {
        INFERD_RETURN_IF_ERROR(Assign(element.pipeline, value));
        const bool with = element.kind == Element::Kind::kWith;
        done = IsTrue(value) ? Run(element.body, with ? value : dot) : Run(element.otherwise, dot);
        break;
      }
      case Element::Kind::kRange: done = Range(element, value, dot); break;
    }
    variables_.resize(outer);
    return done;
  }

  Result<> Range(const Element& element, const TemplateValue& value, const TemplateValue& dot) {
    std::vector<std::pair<TemplateValue, TemplateValue>> items;  // index or key, and item
    if (const auto* samples = std::get_if<QueryValue>(&value)) {
      for (const auto& sample : *samples) items.emplace_back(static_cast<double>(items.size()), sample);
    } else if (const auto* labels = std::get_if<metrics::Labels>(&value)) {
      for (const auto& label : labels->pairs()) items.emplace_back(label.name, label.value);
    } else {
      return Wrong("range can't iterate over " + PrintValue(value));
    }
    if (items.empty()) return Run(element.otherwise, dot);
    const auto& names = element.pipeline.variables;
    for (const auto& [key, item] : items) {
      const std::size_t outer = variables_.size();
      if (names.size() == 2) variables_.emplace_back(names[0], key);
      if (!names.empty()) variables_.emplace_back(names.back(), item);
      INFERD_RETURN_IF_ERROR(Run(element.body, item));
      variables_.resize(outer);
    }
    return {};
  }

  Result<> Assign(const Pipeline& pipeline, const TemplateValue& value) {
    if (pipeline.variables.empty()) return {};
    if (pipeline.variables.size() > 1) return Wrong("too many variables");
    if (pipeline.declares) {
      variables_.emplace_back(pipeline.variables[0], value);
      return {};
    }
    TemplateValue* variable = Find(pipeline.variables[0]);
    if (variable == nullptr) return Wrong("undefined variable \"$" + pipeline.variables[0] + "\"");
    *variable = value;
    return {};
  }

  TemplateValue* Find(std::string_view name) {
    const auto found = std::find_if(variables_.rbegin(), variables_.rend(), [&](const auto& variable) { return variable.first == name; });
    return found == variables_.rend() ? nullptr : &found->second;
  }

  Result<TemplateValue> Evaluate(const Pipeline& pipeline, const TemplateValue& dot) {
    std::optional<TemplateValue> value;
    for (const Command& command : pipeline.commands) {
      INFERD_ASSIGN_OR_RETURN(TemplateValue next, Evaluate(command, dot, value));
      value = std::move(next);
    }
    return std::move(*value);
  }

  // `last`: the value that the pipe brings.
  Result<TemplateValue> Evaluate(const Command& command, const TemplateValue& dot, const std::optional<TemplateValue>& last) {
    const Operand& head = command[0];
    if (head.kind != Operand::Kind::kFunction) {
      if (command.size() > 1 || last) return Wrong("can't give argument to non-function");
      return Evaluate(head, dot);
    }
    std::vector<TemplateValue> arguments;
    for (std::size_t i = 1; i < command.size(); ++i) {
      INFERD_ASSIGN_OR_RETURN(TemplateValue argument, Evaluate(command[i], dot));
      arguments.push_back(std::move(argument));
    }
    if (last) arguments.push_back(*last);
    return CallNamed(head.text, arguments);
  }

  Result<TemplateValue> CallNamed(const std::string& name, std::span<const TemplateValue> arguments) {
    if (name != "query") return CallTemplateFunction(name, arguments);
    if (arguments.size() != 1 || !std::holds_alternative<std::string>(arguments[0])) return Wrong("query needs one text");
    if (!data_.query) return Wrong("there is nothing to query here");
    INFERD_ASSIGN_OR_RETURN(auto samples, data_.query(std::get<std::string>(arguments[0])));
    return samples;
  }

  Result<TemplateValue> Evaluate(const Operand& operand, const TemplateValue& dot) {
    TemplateValue value;
    switch (operand.kind) {
      case Operand::Kind::kText: value = operand.text; break;
      case Operand::Kind::kNumber: value = operand.number; break;
      case Operand::Kind::kBool: value = operand.text == "true"; break;
      case Operand::Kind::kDot: value = dot; break;
      case Operand::Kind::kVariable: {
        const TemplateValue* variable = Find(operand.text);
        if (variable == nullptr) return Wrong("undefined variable \"$" + operand.text + "\"");
        value = *variable;
        break;
      }
      case Operand::Kind::kFunction: {
        INFERD_ASSIGN_OR_RETURN(value, CallNamed(operand.text, {}));
        break;
      }
      case Operand::Kind::kPipeline: {
        INFERD_ASSIGN_OR_RETURN(value, Evaluate(*operand.pipeline, dot));
        break;
      }
    }
    for (const std::string& field : operand.fields) {
      INFERD_ASSIGN_OR_RETURN(value, Field(value, field));
    }
    return value;
  }

  Result<TemplateValue> Field(const TemplateValue& value, const std::string& name) const {
    if (const auto* labels = std::get_if<metrics::Labels>(&value)) return std::string(labels->Get(name));
    if (const auto* sample = std::get_if<metrics::QuerySample>(&value)) {
      if (name == "Labels") return sample->labels;
      if (name == "Value") return sample->value;
    }
    if (std::holds_alternative<RootValue>(value)) {
      if (name == "Labels") return data_.labels;
      if (name == "ExternalLabels") return data_.external_labels;
      if (name == "ExternalURL") return data_.external_url;
      if (name == "Value") return data_.value;
    }
    return Wrong("can't evaluate field " + name);
  }

  const TemplateData& data_;
  std::vector<std::pair<std::string, TemplateValue>> variables_;  // the innermost last
  std::string out_;
};

Result<> CheckFunctions(const Pipeline& pipeline) {
  for (const Command& command : pipeline.commands) {
    for (const Operand& operand : command) {
      if (operand.kind == Operand::Kind::kFunction && !IsTemplateFunction(operand.text)) {
        return Wrong("function \"" + operand.text + "\" not defined");
      }
      if (operand.pipeline) INFERD_RETURN_IF_ERROR(CheckFunctions(*operand.pipeline));
    }
  }
  return {};
}

Result<> CheckElements(const Elements& elements) {
  for (const Element& element : elements) {
    INFERD_RETURN_IF_ERROR(CheckFunctions(element.pipeline));
    INFERD_RETURN_IF_ERROR(CheckElements(element.body));
    INFERD_RETURN_IF_ERROR(CheckElements(element.otherwise));
  }
  return {};
}

}  // namespace

Result<std::string> ExpandTemplate(std::string_view text, const TemplateData& data) {
  INFERD_ASSIGN_OR_RETURN(const Elements elements, ParseTemplate(text));
  Expansion expansion(data);
  INFERD_RETURN_IF_ERROR(expansion.Run(elements, RootValue{}));
  return expansion.Take();
}

Result<> CheckTemplate(std::string_view text) {
  INFERD_ASSIGN_OR_RETURN(const Elements elements, ParseTemplate(text));
  return CheckElements(elements);
}

}  // namespace inferd::alerts
