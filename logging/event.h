// Log events as types: a struct whose members are the fields, with a name, a level and a message described once (logging/events.h holds
// all of the daemon's). Writing one copies its values into a few bytes; names, escapes and formats are left to whoever writes the line
// out. Plain values and pure functions; any thread.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "runtime/base/clock.h"

namespace inferd::logging {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kCritical };
inline constexpr std::size_t kLevels = 6;
constexpr std::string_view LevelName(Level level) {
  return std::array<std::string_view, kLevels>{"trace", "debug", "info", "warn", "error", "critical"}[static_cast<std::size_t>(level)];
}
std::optional<Level> LevelOfName(std::string_view name);

// Parts of the daemon whose levels are set apart from each other.
enum class Component : std::uint8_t { kDaemon, kAccess, kConfig, kModel, kMetrics, kLogs, kTracing };
inline constexpr std::size_t kComponents = 7;
constexpr std::string_view ComponentName(Component component) {
  return std::array<std::string_view, kComponents>{
      "daemon", "access", "config", "model", "metrics", "logs", "tracing"}[static_cast<std::size_t>(component)];
}

// Times are durations; they are written as seconds.
enum class FieldType : std::uint8_t { kText, kInteger, kNumber, kBool, kSeconds };
inline constexpr std::size_t kFieldTypes = 5;
constexpr std::string_view FieldTypeName(FieldType type) {
  return std::array<std::string_view, kFieldTypes>{"text", "integer", "number", "true or false", "seconds"}[static_cast<std::size_t>(type)];
}

struct FieldInfo {
  std::string_view name;
  FieldType type = FieldType::kText;
  bool optional = false;
  std::string_view help;
};

// What every event of one type has in common. Constant data, valid for the life of the process.
struct EventType {
  std::string_view name;  // stable, [a-z_]+
  Level level = Level::kInfo;
  Component component = Component::kDaemon;
  std::string_view message;          // for people; {field} stands for that field's value
  std::string_view help;             // when it happens, and what it is good for
  std::string_view message_id = {};  // 32 hexadecimal digits, for journalctl; only of events that matter by themselves
  std::uint32_t burst = 0;           // at most so many in ten seconds, the rest is counted; 0: every one is written
};

struct EventInfo {
  EventType type;
  std::span<const FieldInfo> fields;
};

// One member of an event: what Event::Fields() lists.
template <typename E, typename T>
struct Field {
  constexpr Field(std::string_view n, T E::*m, std::string_view h) : name(n), member(m), help(h) {}
  std::string_view name;
  T E::*member;
  std::string_view help;
};

namespace internal {

template <typename T>
struct TypeOf {
  using Plain = T;
  static constexpr bool kOptional = false;
};
template <typename T>
struct TypeOf<std::optional<T>> {
  using Plain = T;
  static constexpr bool kOptional = true;
};

template <typename T>
constexpr FieldType FieldTypeOf() {
  using Plain = typename TypeOf<T>::Plain;
  if constexpr (std::is_same_v<Plain, bool>) return FieldType::kBool;
  if constexpr (std::is_same_v<Plain, Duration>) return FieldType::kSeconds;
  if constexpr (std::is_integral_v<Plain> && !std::is_same_v<Plain, bool>) return FieldType::kInteger;
  if constexpr (std::is_floating_point_v<Plain>) return FieldType::kNumber;
  return FieldType::kText;
}

template <typename E>
inline constexpr auto kFields = std::apply(
    []<typename... T>(const Field<E, T>&... field) {
      return std::array<FieldInfo, sizeof...(T)>{FieldInfo{field.name, FieldTypeOf<T>(), TypeOf<T>::kOptional, field.help}...};
    },
    E::Fields());

}  // namespace internal

template <typename E>
inline constexpr EventInfo kEvent{E::kType, internal::kFields<E>};

// What most lines are about. Empty parts are left out.
struct About {
  std::string_view request_id = {};
  std::string_view trace_id = {};
  std::string_view model = {};
};

inline constexpr std::size_t kMaxFields = 32;
// Longer texts are cut at a code point and end in "...".
inline constexpr std::size_t kMaxText = 32U << 10U;

// An event on its way from where it happened to where it is written. What can be out of line is: an event of thirty fields is then a few
// hundred bytes of code, and a thread that comes back to it after something else finds most of them in its cache.
class Encoder {
 public:
  // Appends to `out`.
  explicit Encoder(std::string& out) : out_(out) {}
  void Begin(const EventInfo& info, std::uint64_t sequence, const About& about);

  void Put(std::string_view text);
  void Put(const std::optional<std::string_view>& text);
  void Put(bool value) { PutBits(value ? 1 : 0); }
  void Put(double value) { PutBits(std::bit_cast<std::uint64_t>(value)); }
  void Put(Duration value) { PutBits(static_cast<std::uint64_t>(value.count())); }
  // Those that do not fit into 64 bits with a sign become the largest that does.
  template <typename T>
  requires std::is_integral_v<T>
  void Put(T value) {
    if constexpr (std::is_unsigned_v<T>) {
      constexpr auto kMost = static_cast<std::uint64_t>(INT64_MAX);
      PutBits(value < kMost ? value : kMost);
    } else {
      PutBits(static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
    }
  }
  template <typename T>
  void Put(const std::optional<T>& value) {
    PutPresence(value.has_value());
    if (value) Put(*value);
  }

 private:
  void PutBits(std::uint64_t bits);
  void PutPresence(bool present);
  void PutShort(std::string_view text);

  std::string& out_;
};

template <typename E>
void Encode(const E& event, std::uint64_t sequence, const About& about, std::string& out) {
  static_assert(internal::kFields<E>.size() <= kMaxFields);
  Encoder encoder(out);
  encoder.Begin(kEvent<E>, sequence, about);
  std::apply([&](const auto&... field) { (encoder.Put(event.*field.member), ...); }, E::Fields());
}

struct Value {
  bool present = false;
  std::string_view text = {};  // texts
  std::int64_t integer = 0;    // integers, booleans; nanoseconds of durations
  double number = 0;           // numbers
};

// An event as its writers see it. Points into the encoded bytes.
struct Line {
  WallTime time{};
  Level level = Level::kInfo;
  const EventInfo* info = nullptr;
  std::uint64_t sequence = 0;  // rises by one with every event of the process
  About about;
  std::array<Value, kMaxFields> values{};

  // nullptr when the event has no such field.
  const Value* Find(std::string_view field) const;
};

// `bytes` were made by Encode in this process. False when they were not.
bool Decode(std::string_view bytes, Line& line);

// The text of a value, as messages and terminals show it.
void AppendValue(FieldType type, const Value& value, std::string& out);
// EventType::message with its fields filled in. A field without a value is left out together with the words before it.
void AppendMessage(const Line& line, std::string& out);

}  // namespace inferd::logging
