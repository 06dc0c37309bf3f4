// What a key of the table can do: describe its type, take a value, write it out.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "config/table.h"
#include "config/value.h"
#include "runtime/base/hide.h"

namespace inferd::config {
namespace {

std::string Join(std::span<const std::string_view> words, std::string_view separator) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// What of a value, or of the item of a list, others may see.
std::string Shown(const Key& key, std::string_view text, std::size_t item = 0) {
  if (!key.secret) return std::string(text);
  if (key.kind != Kind::kArguments) return HideInUrl(text);
  return item == 0 ? HideArguments(text) : std::string(kHidden);
}

std::string Bound(Kind kind, std::int64_t value) {
  switch (kind) {
    case Kind::kSize: return FormatSize(static_cast<std::uint64_t>(value));
    case Kind::kDuration: return FormatDuration(Duration(value));
    default: return std::to_string(value);
  }
}

std::string Range(const Key& key) { return Bound(key.kind, key.min) + " to " + Bound(key.kind, key.max); }

std::string OrUnset(const Key& key) { return key.unset.empty() ? std::string() : ", or " + std::string(key.unset); }

// A message for a scalar that is not of the key's kind.
std::string NotA(const Key& key, std::string_view text) {
  switch (key.kind) {
    case Kind::kBool: return Quoted(text) + " is not a boolean; allowed: true or false";
    case Kind::kInteger: return Quoted(text) + " is not an integer; allowed: " + Range(key) + OrUnset(key);
    case Kind::kNumber: return Quoted(text) + " is not a number; allowed: " + Range(key);
    case Kind::kSize:
      return Quoted(text) + " is not a size; allowed: " + Range(key) + OrUnset(key) + ", with the unit KiB, MiB, GiB or TiB";
    case Kind::kDuration:
      return Quoted(text) + " is not a duration; allowed: " + Range(key) + OrUnset(key) + ", with the unit ms, s, m, h or d";
    case Kind::kAddress:
    case Kind::kAddressList:
      return Quoted(text) + " is not an address to listen on; allowed: an IP address and a port, such as 127.0.0.1:8080 or \"[::1]:8080\"";
    case Kind::kUrl:
    case Kind::kUrlList: return Quoted(Shown(key, text)) + " is not an address of the form http://host:port/path or https://host:port/path";
    default: return Quoted(text) + " is not allowed";
  }
}

// http or https, a host, and no secret: those are kept in files.
bool IsUrl(std::string_view text) {
  const std::size_t scheme = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
  const std::string_view host = text.substr(scheme, text.find_first_of("/?#", scheme) - scheme);
  return scheme > 0 && !host.empty() && host.find('@') == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

std::optional<std::string> CheckRange(const Key& key, std::string_view text, std::int64_t value) {
  if (value >= key.min && value <= key.max) return std::nullopt;
  return std::string(text) + " is out of range; allowed: " + Range(key) + OrUnset(key);
}

std::optional<std::string> CheckItem(const Key& key, std::string_view text) {
  switch (key.kind) {
    case Kind::kAddress:
    case Kind::kAddressList:
      if (!ParseListenAddress(text)) return NotA(key, text);
      return std::nullopt;
    case Kind::kChoice:
    case Kind::kChoiceList:
      if (std::find(key.choices.begin(), key.choices.end(), text) == key.choices.end()) {
        return Quoted(text) + " is not one of: " + Join(key.choices, ", ");
      }
      return std::nullopt;
    case Kind::kUrl:
    case Kind::kUrlList:
      if (!IsUrl(text)) return NotA(key, text);
      return std::nullopt;
    case Kind::kArguments:
      if (text.find('\0') != std::string_view::npos) return "a NUL character is not allowed";
      return std::nullopt;
    default:
      if (text.empty()) return "an empty text is not allowed";
      if (text.find('\0') != std::string_view::npos) return "a NUL character is not allowed";
      return std::nullopt;
  }
}

// YAML needs quotes around text that would read as something else.
std::string YamlText(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(" \t\n\r\"'#:,[]{}&*!|>%@`\\") == std::string_view::npos &&
                     text.find_first_not_of("0123456789.-+eE") != std::string_view::npos && text.front() != '-' && text.front() != '?' &&
                     text != "null" && text != "~" && text != "true" && text != "false" &&
                     std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20; });
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      quoted += "\\x";
      quoted += kHex[static_cast<unsigned char>(c) >> 4U];
      quoted += kHex[static_cast<unsigned char>(c) & 15U];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;  // Clang 14 does not deduce aggregates

}  // namespace

std::string TypeText(const Key& key) {
  std::string text;
  switch (key.kind) {
    case Kind::kBool: text = "true or false"; break;
    case Kind::kInteger: text = "integer, " + Range(key); break;
    case Kind::kNumber: text = "number, " + Range(key); break;
    case Kind::kSize: text = "size, " + Range(key); break;
    case Kind::kDuration: text = "duration, " + Range(key); break;
    case Kind::kString: text = "text"; break;
    case Kind::kPath: text = "path"; break;
    case Kind::kAddress: text = "address"; break;
    case Kind::kChoice: text = "one of: " + Join(key.choices, ", "); break;
    case Kind::kAddressList: text = "list of addresses"; break;
    case Kind::kPathList: text = "list of paths"; break;
    case Kind::kTextList: text = "list of texts"; break;
    case Kind::kArguments: text = "list of a path and arguments"; break;
    case Kind::kUrl: text = "http or https address"; break;
    case Kind::kUrlList: text = "list of http or https addresses"; break;
    case Kind::kChoiceList: text = "list of: " + Join(key.choices, ", "); break;
  }
  return text + OrUnset(key);
}

std::optional<std::string> SetScalar(const Key& key, const Slot& slot, std::string_view text, bool is_null) {
  const bool unset = !key.unset.empty() && (is_null ? key.unset == "null" : text == key.unset);
  if (is_null && !unset) return "needs a value: " + TypeText(key);

  const auto integer = [&](auto store) -> std::optional<std::string> {
    const auto value = ParseInteger(text);
    if (!value) return NotA(key, text);
    if (auto fault = CheckRange(key, text, *value)) return fault;
    store(static_cast<int>(*value));
    return std::nullopt;
  };
  const auto size = [&](auto store) -> std::optional<std::string> {
    const auto value = ParseSize(text);
    if (!value) return NotA(key, text);
    if (*value > static_cast<Bytes>(std::numeric_limits<std::int64_t>::max())) return NotA(key, text);
    if (auto fault = CheckRange(key, text, static_cast<std::int64_t>(*value))) return fault;
    store(*value);
    return std::nullopt;
  };
  return std::visit(Overloaded{
                        [&](bool* value) -> std::optional<std::string> {
                          if (text != "true" && text != "false") return NotA(key, text);
                          *value = text == "true";
                          return std::nullopt;
                        },
                        [&](int* value) { return integer([value](int v) { *value = v; }); },
                        [&](double* value) -> std::optional<std::string> {
                          double parsed = 0;
                          const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
                          if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(parsed)) return NotA(key, text);
                          if (parsed < static_cast<double>(key.min) || parsed > static_cast<double>(key.max)) {
                            return std::string(text) + " is out of range; allowed: " + Range(key);
                          }
                          *value = parsed;
                          return std::nullopt;
                        },
                        [&](Bytes* value) { return size([value](Bytes v) { *value = v; }); },
                        [&](Duration* value) -> std::optional<std::string> {
                          const auto parsed = ParseDuration(text);
                          if (!parsed) return NotA(key, text);
                          if (auto fault = CheckRange(key, text, parsed->count())) return fault;
                          *value = *parsed;
                          return std::nullopt;
                        },
                        [&](std::string* value) -> std::optional<std::string> {
                          if (auto fault = CheckItem(key, text)) return fault;
                          *value = text;
                          return std::nullopt;
                        },
                        [&](std::optional<int>* value) -> std::optional<std::string> {
                          if (!unset) return integer([value](int v) { *value = v; });
                          value->reset();
                          return std::nullopt;
                        },
                        [&](std::optional<Bytes>* value) -> std::optional<std::string> {
                          if (!unset) return size([value](Bytes v) { *value = v; });
                          value->reset();
                          return std::nullopt;
                        },
                        [&](std::optional<std::string>* value) -> std::optional<std::string> {
                          if (unset) {
                            value->reset();
                            return std::nullopt;
                          }
                          if (auto fault = CheckItem(key, text)) return fault;
                          *value = std::string(text);
                          return std::nullopt;
                        },
                        [&](std::vector<std::string>* value) -> std::optional<std::string> {
                          // One item may stand without brackets.
                          if (auto fault = CheckItem(key, text)) return fault;
                          *value = {std::string(text)};
                          return std::nullopt;
                        },
                    },
                    slot);
}

std::optional<std::string> SetList(const Key& key, const Slot& slot, std::span<const std::string> items, std::size_t& wrong) {
  wrong = 0;
  auto* const* list = std::get_if<std::vector<std::string>*>(&slot);
  if (list == nullptr) return "a list is not allowed here; allowed: " + TypeText(key);
  if (items.empty() && key.min > 0) return "the list is empty; it needs at least one item";
  for (; wrong < items.size(); ++wrong) {
    if (auto fault = CheckItem(key, items[wrong])) return fault;
    const auto here = items.begin() + static_cast<std::ptrdiff_t>(wrong);
    if (key.kind != Kind::kArguments && std::find(items.begin(), here, items[wrong]) != here)
      return Quoted(Shown(key, items[wrong], wrong)) + " is in the list twice";
  }
  (*list)->assign(items.begin(), items.end());
  return std::nullopt;
}

std::string Format(const Key& key, const Slot& slot, Secrets secrets) {
  const auto text_of = [&](const std::string& value, std::size_t item) {
    return YamlText(secrets == Secrets::kHidden ? Shown(key, value, item) : value);
  };
  return std::visit(Overloaded{
                        [](const bool* value) { return std::string(*value ? "true" : "false"); },
                        [](const int* value) { return std::to_string(*value); },
                        [](const double* value) {
                          char text[32];
                          const auto [end, error] = std::to_chars(text, text + sizeof(text), *value);
                          return error == std::errc() ? std::string(text, end) : std::string("0");
                        },
                        [](const Bytes* value) { return FormatSize(*value); },
                        [](const Duration* value) { return FormatDuration(*value); },
                        [&](const std::string* value) { return text_of(*value, 0); },
                        [&](const std::optional<int>* value) { return *value ? std::to_string(**value) : std::string(key.unset); },
                        [&](const std::optional<Bytes>* value) { return *value ? FormatSize(**value) : std::string(key.unset); },
                        [&](const std::optional<std::string>* value) { return *value ? text_of(**value, 0) : std::string(key.unset); },
                        [&](const std::vector<std::string>* value) {
                          std::string text = "[";
                          for (std::size_t i = 0; i < value->size(); ++i) {
                            if (i > 0) text += ", ";
                            text += text_of((*value)[i], i);
                          }
                          return text + "]";
                        },
                    },
                    slot);
}

bool Reloadable(const Key& key) {
  return key.reloadable || std::any_of(ListKeys().begin(), ListKeys().end(), [&](const ListKey& list) {
           return list.copy != nullptr && key.name.starts_with(std::string(list.name) + "[]");
         });
}

const ListKey* VariantOf(std::string_view pattern, std::string_view& variant) {
  for (const ListKey& list : ListKeys()) {
    const std::string entry = std::string(list.name) + "[].";
    if (list.variant == nullptr || !pattern.starts_with(entry)) continue;
    variant = pattern.substr(entry.size(), pattern.find('.', entry.size()) - entry.size());
    const std::string section = entry + std::string(variant) + ".";
    if (std::any_of(Keys().begin(), Keys().end(), [&](const Key& key) { return key.name.starts_with(section); })) return &list;
  }
  return nullptr;
}

}  // namespace inferd::config
