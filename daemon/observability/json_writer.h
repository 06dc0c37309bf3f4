// Writes JSON (RFC 8259) into a string, one value after the other: no tree, no recursion, so that a server's thread with a small stack can
// answer with it. Not thread-safe.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace inferd::daemon {

class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view name);

  JsonWriter& Value(std::string_view text);
  JsonWriter& Value(const char* text) { return Value(std::string_view(text)); }
  JsonWriter& Value(double number);  // null when it is not finite
  template <std::integral Integer>
  JsonWriter& Value(Integer number) {
    Separate();
    if constexpr (std::same_as<Integer, bool>) {
      out_ += number ? "true" : "false";
    } else {
      out_ += std::to_string(number);
    }
    return *this;
  }
  template <typename T>
  JsonWriter& Member(std::string_view name, const T& value) {
    return Key(name).Value(value);
  }

  std::string Take() { return std::move(out_); }

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string out_;
  bool separate_ = false;  // a comma is due before the next value
};

}  // namespace inferd::daemon
