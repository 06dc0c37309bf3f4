#include "alerts/template_tree.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace inferd::alerts {
namespace {

constexpr int kMaxDepth = 50;  // of blocks and parentheses

constexpr bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool IsWord(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

tl::unexpected<Status> Malformed(std::string what) { return Error(Code::kInvalidArgument, "template: " + std::move(what)); }

std::string_view TrimmedLeft(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  return text;
}
std::string_view TrimmedRight(std::string_view text) {
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Reads what stands inside of one {{ }}.
class ActionParser {
 public:
  explicit ActionParser(std::string_view text) : text_(text) {}

  void SkipSpace() { text_ = TrimmedLeft(text_); }
  bool AtEnd() {
    SkipSpace();
    return text_.empty();
  }
  bool TakeIf(std::string_view symbol) {
    SkipSpace();
    if (!text_.starts_with(symbol)) return false;
    text_.remove_prefix(symbol.size());
    return true;
  }
  // A keyword, with no letter behind it.
  bool TakeWord(std::string_view word) {
    SkipSpace();
    if (!text_.starts_with(word) || (text_.size() > word.size() && IsWord(text_[word.size()]))) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  Result<Pipeline> WholePipeline() {
    INFERD_ASSIGN_OR_RETURN(Pipeline pipeline, ParsePipeline(0));
    if (!AtEnd()) return Malformed("unexpected \"" + std::string(text_) + "\"");
    return pipeline;
  }

 private:
  Result<Pipeline> ParsePipeline(int depth) {
    if (depth > kMaxDepth) return Malformed("nested too deeply");
    Pipeline pipeline;
    TakeDeclaration(pipeline);
    do {
      Command command;
      while (!AtEnd() && text_.front() != '|' && text_.front() != ')') {
        INFERD_ASSIGN_OR_RETURN(Operand operand, ParseOperand(depth));
        command.push_back(std::move(operand));
      }
      if (command.empty()) return Malformed("missing value for command");
      pipeline.commands.push_back(std::move(command));
    } while (TakeIf("|"));
    return pipeline;
  }

  // "$x :=", "$x =" or "$i, $x :=", if that is what comes.
  void TakeDeclaration(Pipeline& pipeline) {
    const std::string_view before = text_;
    std::vector<std::string> names;
    while (TakeIf("$")) {
      names.emplace_back(TakeName());
      if (!TakeIf(",")) break;
    }
    const bool declares = !names.empty() && TakeIf(":=");
    if (declares || (!names.empty() && TakeIf("="))) {
      pipeline.variables = std::move(names);
      pipeline.declares = declares;
    } else {
      text_ = before;
    }
  }

  std::string_view TakeName() {
    const auto end = static_cast<std::size_t>(std::ranges::find_if_not(text_, IsWord) - text_.begin());
    const std::string_view name = text_.substr(0, end);
    text_.remove_prefix(end);
    return name;
  }

  Result<Operand> ParseOperand(int depth) {
    Operand operand;
    const char c = text_.front();
    if (c == '"' || c == '`') {
      operand.kind = Operand::Kind::kText;
      INFERD_ASSIGN_OR_RETURN(operand.text, TakeText());
      return operand;
    }
    if ((c >= '0' && c <= '9') || ((c == '-' || c == '+') && text_.size() > 1)) {
      operand.kind = Operand::Kind::kNumber;
      if (c == '+') text_.remove_prefix(1);
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), operand.number);
      if (error != std::errc()) return Malformed("bad number \"" + std::string(text_) + "\"");
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      return operand;
    }
    if (c == '(') {
      text_.remove_prefix(1);
      operand.kind = Operand::Kind::kPipeline;
      INFERD_ASSIGN_OR_RETURN(Pipeline inner, ParsePipeline(depth + 1));
      operand.pipeline = std::make_shared<const Pipeline>(std::move(inner));
      if (!TakeIf(")")) return Malformed("unclosed left parenthesis");
    } else if (c == '$') {
      text_.remove_prefix(1);
      operand.kind = Operand::Kind::kVariable;
      operand.text = TakeName();
    } else if (c == '.') {
      operand.kind = Operand::Kind::kDot;
      if (text_.size() == 1 || !IsWord(text_[1])) text_.remove_prefix(1);
    } else if (IsWord(c)) {
      operand.text = TakeName();
      const bool is_bool = operand.text == "true" || operand.text == "false";
      operand.kind = is_bool ? Operand::Kind::kBool : Operand::Kind::kFunction;
    } else {
      return Malformed("unexpected \"" + std::string(text_) + "\"");
    }
    while (text_.size() > 1 && text_.front() == '.' && IsWord(text_[1])) {
      text_.remove_prefix(1);
      operand.fields.emplace_back(TakeName());
    }
    return operand;
  }

  Result<std::string> TakeText() {
    const char quote = text_.front();
    std::string value;
    std::size_t i = 1;
    for (; i < text_.size() && text_[i] != quote; ++i) {
      if (quote == '`' || text_[i] != '\\') {
        value.push_back(text_[i]);
        continue;
      }
      constexpr std::string_view kNames = "nrt\\\"'";
      constexpr std::string_view kValues = "\n\r\t\\\"'";
      const auto known = ++i < text_.size() ? kNames.find(text_[i]) : std::string_view::npos;
      if (known == std::string_view::npos) return Malformed("unknown escape sequence in a string");
      value.push_back(kValues[known]);
    }
    if (i >= text_.size()) return Malformed("unterminated quoted string");
    text_.remove_prefix(i + 1);
    return value;
  }

  std::string_view text_;
};

// Cuts the text at its actions and builds the blocks.
class TemplateParser {
 public:
  explicit TemplateParser(std::string_view text) : rest_(text) {}

  Result<Elements> Run() {
    Elements elements;
    INFERD_ASSIGN_OR_RETURN(const End end, Block(elements, 0));
    if (end.kind != EndKind::kText) return Malformed("unexpected {{" + std::string(end.action) + "}}");
    return elements;
  }

 private:
  enum class EndKind { kText, kEnd, kElse };
  struct End {
    EndKind kind;
    std::string_view action;  // for an else: what follows the word
  };

  // Elements up to the end of the text, an {{end}} or an {{else}}.
  Result<End> Block(Elements& elements, int depth) {
    if (depth > kMaxDepth) return Malformed("nested too deeply");
    while (true) {
      const auto open = rest_.find("{{");
      std::string_view text = rest_.substr(0, open);
      if (trim_next_) text = TrimmedLeft(text);
      trim_next_ = false;
      const bool trims =
          open != std::string_view::npos && rest_.substr(open).starts_with("{{-") && open + 3 < rest_.size() && IsSpace(rest_[open + 3]);
      if (trims) text = TrimmedRight(text);
      if (!text.empty())
        elements.push_back({.kind = Element::Kind::kText, .text = std::string(text), .pipeline = {}, .body = {}, .otherwise = {}});
      if (open == std::string_view::npos) {
        rest_ = {};
        return End{EndKind::kText, {}};
      }
      rest_.remove_prefix(open + (trims ? 3 : 2));
      INFERD_ASSIGN_OR_RETURN(const std::string_view action, TakeAction());
      ActionParser parser(action);
      if (parser.TakeIf("/*")) continue;
      if (parser.TakeWord("end")) return End{EndKind::kEnd, action};
      if (parser.TakeWord("else")) return End{EndKind::kElse, TrimmedLeft(TrimmedLeft(action).substr(4))};
      INFERD_RETURN_IF_ERROR(OneElement(action, elements, depth));
    }
  }

  // Up to the closing braces; a string may hold some.
  Result<std::string_view> TakeAction() {
    char quote = '\0';
    for (std::size_t i = 0; i + 1 < rest_.size(); ++i) {
      const char c = rest_[i];
      if (quote != '\0') {
        if (c == '\\' && quote == '"') ++i;
        if (c == quote) quote = '\0';
      } else if (c == '"' || c == '`') {
        quote = c;
      } else if (rest_.substr(i).starts_with("}}")) {
        std::string_view action = rest_.substr(0, i);
        rest_.remove_prefix(i + 2);
        if (action.ends_with('-') && action.size() > 1 && IsSpace(action[action.size() - 2])) {
          action.remove_suffix(1);
          trim_next_ = true;
        }
        return action;
      }
    }
    return Malformed("unclosed action");
  }

  Result<> OneElement(std::string_view action, Elements& elements, int depth) {
    ActionParser parser(action);
    Element element;
    element.kind = parser.TakeWord("if")      ? Element::Kind::kIf
                   : parser.TakeWord("range") ? Element::Kind::kRange
                   : parser.TakeWord("with")  ? Element::Kind::kWith
                                              : Element::Kind::kOutput;
    for (const std::string_view word : {"define", "template", "block", "break", "continue"}) {
      if (parser.TakeWord(word)) return Malformed("{{" + std::string(word) + "}} is not supported");
    }
    INFERD_ASSIGN_OR_RETURN(element.pipeline, parser.WholePipeline());
    if (element.kind != Element::Kind::kOutput) INFERD_RETURN_IF_ERROR(Bodies(element, depth));
    elements.push_back(std::move(element));
    return {};
  }

  Result<> Bodies(Element& element, int depth) {
    INFERD_ASSIGN_OR_RETURN(End end, Block(element.body, depth + 1));
    if (end.kind == EndKind::kElse && !end.action.empty()) {
      // {{else if x}}...{{end}} is {{else}}{{if x}}...{{end}}{{end}} with one end.
      return OneElement(end.action, element.otherwise, depth + 1);
    }
    if (end.kind == EndKind::kElse) {
      INFERD_ASSIGN_OR_RETURN(end, Block(element.otherwise, depth + 1));
    }
    if (end.kind != EndKind::kEnd) return Malformed("a block without its {{end}}");
    return {};
  }

  std::string_view rest_;
  bool trim_next_ = false;
};

}  // namespace

Result<Elements> ParseTemplate(std::string_view text) { return TemplateParser(text).Run(); }

}  // namespace inferd::alerts
