#include "logging/event.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace inferd::logging {
namespace {

// Marks bytes as ours.
constexpr std::uint32_t kMark = 0x4C4F4731;

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool good() const { return good_; }

  template <typename T>
  T Number() {
    T value{};
    const std::string_view raw = Take(sizeof(T));
    if (good_) std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  std::string_view Text() { return Take(Number<std::uint32_t>()); }
  std::string_view Short() { return Take(Number<std::uint8_t>()); }

 private:
  std::string_view Take(std::size_t n) {
    if (!good_ || bytes_.size() < n) {
      good_ = false;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return taken;
  }

  std::string_view bytes_;
  bool good_ = true;
};

// Not inlined: see Encoder.
[[gnu::noinline]] void Append(std::string& out, const void* bytes, std::size_t n) { out.append(static_cast<const char*>(bytes), n); }

// Largest length of at most `limit` bytes that does not end inside a code point.
std::size_t CutAt(std::string_view text, std::size_t limit) {
  std::size_t n = limit;
  while (n > 0 && limit - n < 4 && (static_cast<unsigned char>(text[n]) & 0xC0U) == 0x80U) --n;
  return n;
}

template <typename T>
void AppendNumber(T value, std::string& out) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  if (error == std::errc()) out.append(buffer.data(), end);
}

}  // namespace

std::optional<Level> LevelOfName(std::string_view name) {
  for (std::size_t i = 0; i < kLevels; ++i) {
    if (LevelName(static_cast<Level>(i)) == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

void Encoder::PutShort(std::string_view text) {
  text = text.substr(0, 255);
  out_.push_back(static_cast<char>(text.size()));
  Append(out_, text.data(), text.size());
}

void Encoder::Begin(const EventInfo& info, std::uint64_t sequence, const About& about) {
  const EventInfo* const pointer = &info;
  Append(out_, &kMark, sizeof(kMark));
  Append(out_, &pointer, sizeof(pointer));
  PutBits(sequence);
  PutShort(about.request_id);
  PutShort(about.trace_id);
  PutShort(about.model);
}

void Encoder::PutBits(std::uint64_t bits) { Append(out_, &bits, sizeof(bits)); }

void Encoder::PutPresence(bool present) { out_.push_back(present ? '\1' : '\0'); }

void Encoder::Put(const std::optional<std::string_view>& text) {
  PutPresence(text.has_value());
  if (text) Put(*text);
}

void Encoder::Put(std::string_view text) {
  constexpr std::string_view kCut = "...";
  const bool cut = text.size() > kMaxText;
  if (cut) text = text.substr(0, CutAt(text, kMaxText));
  const auto size = static_cast<std::uint32_t>(text.size() + (cut ? kCut.size() : 0));
  Append(out_, &size, sizeof(size));
  Append(out_, text.data(), text.size());
  if (cut) Append(out_, kCut.data(), kCut.size());
}

bool Decode(std::string_view bytes, Line& line) {
  Reader reader(bytes);
  if (reader.Number<std::uint32_t>() != kMark) return false;
  line.info = reader.Number<const EventInfo*>();
  line.sequence = reader.Number<std::uint64_t>();
  line.about.request_id = reader.Short();
  line.about.trace_id = reader.Short();
  line.about.model = reader.Short();
  if (!reader.good()) return false;
  for (std::size_t i = 0; i < line.info->fields.size(); ++i) {
    const FieldInfo& field = line.info->fields[i];
    Value& value = line.values[i];
    value = {};
    value.present = !field.optional || reader.Number<std::uint8_t>() != 0;
    if (!value.present) continue;
    switch (field.type) {
      case FieldType::kText: value.text = reader.Text(); break;
      case FieldType::kNumber: value.number = reader.Number<double>(); break;
      case FieldType::kInteger:
      case FieldType::kBool:
      case FieldType::kSeconds: value.integer = reader.Number<std::int64_t>(); break;
    }
  }
  return reader.good();
}

const Value* Line::Find(std::string_view field) const {
  for (std::size_t i = 0; i < info->fields.size(); ++i) {
    if (info->fields[i].name == field) return &values[i];
  }
  return nullptr;
}

void AppendValue(FieldType type, const Value& value, std::string& out) {
  switch (type) {
    case FieldType::kText: out += value.text; break;
    case FieldType::kInteger: AppendNumber(value.integer, out); break;
    case FieldType::kNumber: AppendNumber(value.number, out); break;
    case FieldType::kBool: out += value.integer != 0 ? "true" : "false"; break;
    case FieldType::kSeconds: {
      // Microseconds are what the records are compared by; more digits would be noise.
      std::array<char, 64> buffer;
      const double seconds = static_cast<double>(value.integer) * 1e-9;
      const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), seconds, std::chars_format::fixed, 6);
      if (error == std::errc()) out.append(buffer.data(), end);
      break;
    }
  }
}

void AppendMessage(const Line& line, std::string& out) {
  std::string_view rest = line.info->type.message;
  for (;;) {
    const std::size_t open = rest.find('{');
    const std::string_view before = rest.substr(0, open);
    if (open == std::string_view::npos) {
      out += before;
      return;
    }
    const std::size_t close = rest.find('}', open);
    const std::string_view name = rest.substr(open + 1, close - open - 1);
    rest.remove_prefix(close + 1);
    if (name == "model") {
      out += before;
      out += line.about.model;
      continue;
    }
    for (std::size_t i = 0; i < line.info->fields.size(); ++i) {
      if (line.info->fields[i].name != name || !line.values[i].present) continue;
      out += before;
      AppendValue(line.info->fields[i].type, line.values[i], out);
    }
  }
}

}  // namespace inferd::logging
