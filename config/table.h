// The one table of configuration keys. A new key is a field in config.h and a row in table.cc: parsing, checking, printing,
// documentation and reload follow from the row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"

namespace inferd::config {

enum class Kind : std::uint8_t {
  kBool,
  kInteger,
  kNumber,
  kSize,
  kDuration,
  kString,
  kPath,
  kAddress,
  kChoice,
  kAddressList,
  kChoiceList,
  kPathList,
  kTextList,
  kArguments,  // a list in which an item may stand twice, or be empty
  kUrl,        // http:// or https://
  kUrlList
};

// Durations of Key::min and Key::max.
inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSecond = 1000 * kMs;
inline constexpr std::int64_t kHour = 3600 * kSecond;
inline constexpr std::int64_t kDay = 24 * kHour;
inline constexpr std::int64_t kYear = 366 * kDay;  // one with a leap day: a bound, no calendar

// Where a key's value lives in a Config. `indices` holds one index for each [] in the key's name.
using Indices = std::span<const std::size_t>;
using Slot = std::variant<bool*, int*, double*, Bytes*, Duration*, std::string*, std::optional<int>*, std::optional<Bytes>*,
                          std::optional<std::string>*, std::vector<std::string>*>;

struct Key {
  std::string_view name;  // "api.max_body", "models[].path"
  Kind kind = Kind::kString;
  std::string_view fallback = {};  // the default, as a file would write it; kRequired where there cannot be one
  std::int64_t min = 0;            // integers and numbers; bytes for sizes; nanoseconds for durations; items for lists
  std::int64_t max = 0;
  std::span<const std::string_view> choices = {};
  std::string_view unset = {};  // "auto" or "null": the word that an optional slot takes for having no value
  bool reloadable = false;      // SIGHUP applies a change
  bool secret = false;          // what is in it may be one: an address's path, a command's argument
  Slot (*slot)(Config& config, Indices indices) = nullptr;
  std::string_view help = {};  // plain sentences
};

inline constexpr std::string_view kRequired = "(required)";

// A list of sections: "models". Where `variant` is given, the sections in an entry exclude each other; it is where the name of the one that
// is there is kept.
struct ListKey {
  std::string_view name;
  void (*resize)(Config& config, Indices outer, std::size_t size) = nullptr;
  std::size_t (*size)(const Config& config, Indices outer) = nullptr;
  std::string_view help = {};
  std::string* (*variant)(Config& config, Indices indices) = nullptr;
  void (*copy)(Config& to, const Config& from) = nullptr;  // given: SIGHUP applies a change of anything in it
};

std::span<const Key> Keys();
std::span<const ListKey> ListKeys();

// Whether SIGHUP applies a change of that key: by itself, or with the list that it is in.
bool Reloadable(const Key& key);

// The list with variants that `pattern` ("alerts.notify[].webhook.url") leads into, and the name of the variant; nullptr when there is
// none.
const ListKey* VariantOf(std::string_view pattern, std::string_view& variant);

// "integer from 1 to 64, or auto", for people.
std::string TypeText(const Key& key);

// Sets a scalar key from its text; on failure says what is wrong and what is allowed. `is_null`: the text is YAML's null.
std::optional<std::string> SetScalar(const Key& key, const Slot& slot, std::string_view text, bool is_null);
// Sets a list key from its items; `wrong` is the index of the item that the message is about.
std::optional<std::string> SetList(const Key& key, const Slot& slot, std::span<const std::string> items, std::size_t& wrong);

// The value as a YAML file would write it.
std::string Format(const Key& key, const Slot& slot, Secrets secrets = Secrets::kShown);

// Sets every key below `prefix` ("", "models[]") to its default.
void SetDefaults(Config& config, std::string_view prefix, Indices indices);

}  // namespace inferd::config
