#include "daemon/observability/json_writer.h"

#include "logging/json.h"

namespace inferd::daemon {

void JsonWriter::Separate() {
  if (separate_) out_ += ", ";
  separate_ = true;
}

JsonWriter& JsonWriter::Open(char bracket) {
  Separate();
  out_ += bracket;
  separate_ = false;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  out_ += bracket;
  separate_ = true;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  Separate();
  logging::AppendJsonString(name, out_);
  out_ += ": ";
  separate_ = false;
  return *this;
}

JsonWriter& JsonWriter::Value(std::string_view text) {
  Separate();
  logging::AppendJsonString(text, out_);
  return *this;
}

JsonWriter& JsonWriter::Value(double number) {
  Separate();
  logging::AppendJsonNumber(number, out_);
  return *this;
}

}  // namespace inferd::daemon
