#include "daemon/api/json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/utf8.h"

namespace inferd::daemon {
namespace {

using Json = nlohmann::json;

// The literal that ends at or before `position`, up to the next separator: what a parser choked on, for the message.
std::string WordAt(std::string_view body, std::size_t position) {
  constexpr std::string_view kSeparators = " \t\r\n,:[]{}\"";
  std::size_t begin = std::min(position, body.size());
  while (begin > 0 && kSeparators.find(body[begin - 1]) == std::string_view::npos) --begin;
  const std::size_t end = std::min(body.find_first_of(kSeparators, begin), body.size());
  std::string word(body.substr(begin, std::min<std::size_t>(end - begin, 40)));
  return ReplaceInvalidUtf8(word);
}

// Builds the document; on an error it knows which parameter was being read.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(std::string_view body) : body_(body) {}

  Json root;
  ApiError error;

  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override { return Put(value); }
  bool number_float(number_float_t value, const string_t&) override { return Put(value); }
  bool string(string_t& value) override {
    // An escaped NUL cannot be seen by the scan of the raw bytes.
    if (value.find('\0') != string_t::npos) return Fail("a NUL character is not allowed in " + Where());
    return Put(std::move(value));
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool key(string_t& name) override {
    if (name.find('\0') != string_t::npos) return Fail("a NUL character is not allowed in a key");
    if (stack_.size() == 1) param_ = name;
    slot_ = &(*stack_.back())[name];
    *slot_ = nullptr;
    return true;
  }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t position, const std::string& last_token, const nlohmann::detail::exception& e) override {
    if (e.id == 406) {  // a number that no double can hold
      return Fail(Where() + " is " + last_token.substr(0, 40) + ", which is out of range" + Allowed());
    }
    const std::string word = WordAt(body_, position == 0 ? 0 : position - 1);
    for (const std::string_view name : {"NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "Inf", "-Inf"}) {
      if (word == name) return Fail(Where() + " is " + word + ", which is not a number" + Allowed());
    }
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ...": without the library's name.
    std::string text = e.what();
    const std::size_t bracket = text.find("] ");
    if (bracket != std::string::npos) text.erase(0, bracket + 2);
    return Fail("the body is not valid JSON: " + ReplaceInvalidUtf8(text.substr(0, 300)));
  }

 private:
  std::string Where() const { return param_.empty() ? "the body" : "\"" + param_ + "\""; }
  std::string Allowed() const {
    const std::string_view allowed = AllowedNumber(param_);
    return allowed.empty() ? std::string() : "; allowed: " + std::string(allowed);
  }
  bool Fail(std::string message) {
    error = ApiError{.message = std::move(message), .param = param_, .code = param_.empty() ? "invalid_json" : "invalid_value"};
    return false;
  }
  template <typename T>
  bool Put(T&& value) {
    Place(Json(std::forward<T>(value)));
    return true;
  }
  Json* Place(Json value) {
    if (stack_.empty()) {
      root = std::move(value);
      return &root;
    }
    if (stack_.back()->is_array()) {
      stack_.back()->push_back(std::move(value));
      return &stack_.back()->back();
    }
    *slot_ = std::move(value);
    return slot_;
  }
  bool Open(Json container) {
    stack_.push_back(Place(std::move(container)));
    return true;
  }
  bool Close() {
    stack_.pop_back();
    if (stack_.size() == 1) param_.clear();
    return true;
  }

  std::string_view body_;
  std::vector<Json*> stack_;
  Json* slot_ = nullptr;
  std::string param_;
};

// One pass over the bytes before anything is allocated by what they say.
ApiResult<> Scan(std::string_view body) {
  const auto fail = [](std::string message) {
    return tl::unexpected<ApiError>(ApiError{.message = std::move(message), .code = "invalid_json"});
  };
  if (!IsValidUtf8(body)) return fail("the body is not valid UTF-8");
  std::size_t depth = 0;
  std::size_t values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (c == '\0') return fail("a NUL character is not allowed in the body");
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') {
      ++values;
      if (++depth > kMaxDepth) return fail("the body is nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (c == ',' && ++values > kMaxValues) return fail("the body holds more than " + std::to_string(kMaxValues) + " values");
  }
  return {};
}

}  // namespace

ApiResult<Json> ParseJsonObject(std::string_view body) {
  if (body.empty())
    return tl::unexpected<ApiError>(ApiError{.message = "the body is empty; a JSON object is needed", .code = "invalid_json"});
  INFERD_API_RETURN_IF_ERROR(Scan(body));
  Builder builder(body);
  if (!Json::sax_parse(body.begin(), body.end(), &builder)) return tl::unexpected<ApiError>(std::move(builder.error));
  if (!builder.root.is_object()) {
    return tl::unexpected<ApiError>(ApiError{.message = "the body must be a JSON object", .code = "invalid_json"});
  }
  return std::move(builder.root);
}

}  // namespace inferd::daemon
