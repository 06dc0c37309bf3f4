// inferctl model inspect: what is in a GGUF file.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/model.h"
#include "cli/text.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/chat_template.h"
#include "runtime/model/config.h"
#include "runtime/model/tokenizer.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kShownElements = 8;  // of an array in the metadata
constexpr std::size_t kShownBytes = 120;     // of a string in a table

std::string Text(std::string_view bytes) { return Printable(bytes); }

// ---- Metadata ------------------------------------------------------------------------------------------------------------------

template <typename T>
void AppendNumbers(const gguf::Array& array, Json& out) {
  for (std::uint64_t i = 0; i < std::min(array.count, kShownElements); ++i) {
    T value;
    std::memcpy(&value, array.bytes.data() + i * sizeof(T), sizeof(T));
    out.push_back(value);
  }
}

// {"count": n, "first": [...]}
Json ArrayToJson(const gguf::Array& array) {
  Json first = Json::array();
  for (std::size_t i = 0; i < std::min<std::size_t>(array.strings.size(), kShownElements); ++i) first.push_back(Text(array.strings[i]));
  if (array.strings.empty()) {
    // The format's numbers of the types (gguf.h, Value).
    switch (array.element_type) {
      case 0: AppendNumbers<std::uint8_t>(array, first); break;
      case 1: AppendNumbers<std::int8_t>(array, first); break;
      case 2: AppendNumbers<std::uint16_t>(array, first); break;
      case 3: AppendNumbers<std::int16_t>(array, first); break;
      case 4: AppendNumbers<std::uint32_t>(array, first); break;
      case 5: AppendNumbers<std::int32_t>(array, first); break;
      case 6: AppendNumbers<float>(array, first); break;
      case 7: AppendNumbers<bool>(array, first); break;
      case 10: AppendNumbers<std::uint64_t>(array, first); break;
      case 11: AppendNumbers<std::int64_t>(array, first); break;
      case 12: AppendNumbers<double>(array, first); break;
      default: break;
    }
  }
  return {{"count", array.count}, {"first", std::move(first)}};
}

Json ValueToJson(const gguf::Value& value) {
  return std::visit(
      []<typename T>(const T& v) -> Json {
        if constexpr (std::is_same_v<T, gguf::Array>) {
          return ArrayToJson(v);
        } else if constexpr (std::is_same_v<T, std::string_view>) {
          return Text(v);
        } else {
          return v;
        }
      },
      value);
}

// One line: strings cut, arrays as their first elements and their length.
std::string ValueLine(const Json& value) {
  if (value.is_string()) return PrintableLine(value.get_ref<const std::string&>(), kShownBytes);
  if (!value.is_object()) return value.dump();
  std::string line = "[";
  for (const Json& element : value["first"]) {
    if (line.size() > 1) line += ", ";
    line += element.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  const auto count = value["count"].get<std::uint64_t>();
  if (count > kShownElements) line += ", ...";
  return PrintableLine(line, kShownBytes) + "] (" + std::to_string(count) + ")";
}

// ---- The report ----------------------------------------------------------------------------------------------------------------

Json ShapeToJson(const model::ModelConfig& config) {
  return {{"layers", config.layers},       {"d_model", config.d_model},
          {"heads", config.heads},         {"kv_heads", config.kv_heads},
          {"head_dim", config.head_dim},   {"ffn", config.ffn},
          {"vocab", config.vocab},         {"context", config.context},
          {"rope_base", config.rope_base}, {"tied_embeddings", config.tied_embeddings}};
}

Json TokenizerToJson(const gguf::GgufFile& file) {
  Json out;
  if (const auto kind = file.GetString("tokenizer.ggml.model")) out["model"] = Text(*kind);
  if (const auto pre = file.GetString("tokenizer.ggml.pre")) out["pre"] = Text(*pre);
  const auto tokenizer = model::Tokenizer::FromGguf(file);
  if (!tokenizer) {
    out["fault"] = Text(tokenizer.error().message);
    return out;
  }
  const auto named = [&](std::optional<model::TokenId> token) -> Json {
    if (!token) return nullptr;
    return std::to_string(*token) + " " + Text((*tokenizer)->TokenBytes(*token, /*show_special=*/true));
  };
  out["tokens"] = (*tokenizer)->vocab_size();
  out["bos"] = named((*tokenizer)->bos());
  out["eos"] = named((*tokenizer)->eos());
  return out;
}

Json ChatToJson(const gguf::GgufFile& file) {
  const auto chat = model::ChatTemplate::FromGguf(file);
  if (!chat) return {{"family", nullptr}, {"fault", Text(chat.error().message)}};
  return {{"family", model::ChatFamilyName(chat->family())}, {"reasons", chat->reasons()}, {"opens_think", chat->opens_think()}};
}

Json Inspect(const gguf::GgufFile& file) {
  Json out;
  out["file"] = file.name();
  out["version"] = file.version();
  out["bytes"] = file.size();
  if (const auto name = file.GetString("general.name")) out["name"] = Text(*name);
  if (const auto architecture = file.GetString("general.architecture")) out["architecture"] = Text(*architecture);
  if (const auto config = model::ModelConfig::FromGguf(file)) {
    out["shape"] = ShapeToJson(*config);
  } else {
    out["shape"] = {{"fault", Text(config.error().message)}};
  }

  std::uint64_t parameters = 0;
  std::uint64_t tensor_bytes = 0;
  struct Part {
    std::uint64_t tensors = 0, elements = 0, bytes = 0;
  };
  std::map<std::string, Part> mix;
  Json tensors = Json::array();
  for (const gguf::Tensor& tensor : file.tensors()) {
    const std::string type(gguf::GetTensorType(tensor.type).name);
    const std::uint64_t elements = tensor.columns() * tensor.rows();
    Part& part = mix[type];
    ++part.tensors;
    part.elements += elements;
    part.bytes += tensor.bytes.size();
    parameters += elements;
    tensor_bytes += tensor.bytes.size();
    Json shape = Json::array();
    for (std::uint32_t d = 0; d < tensor.dimensions; ++d) shape.push_back(tensor.shape[d]);
    tensors.push_back({{"name", Text(tensor.name)}, {"type", type}, {"shape", std::move(shape)}, {"bytes", tensor.bytes.size()}});
  }
  out["parameters"] = parameters;
  out["tensor_bytes"] = tensor_bytes;
  out["types"] = Json::object();
  for (const auto& [type, part] : mix) {
    out["types"][type] = {{"tensors", part.tensors}, {"elements", part.elements}, {"bytes", part.bytes}};
  }
  out["tokenizer"] = TokenizerToJson(file);
  out["chat"] = ChatToJson(file);
  out["metadata"] = Json::object();
  for (const auto& [key, value] : file.metadata()) out["metadata"][Text(key)] = ValueToJson(value);
  out["tensors"] = std::move(tensors);
  return out;
}

std::string MetadataCell(const Json& value) {
  return value.is_string() ? PrintableLine(value.get_ref<const std::string&>(), 200) : value.is_null() ? "-" : value.dump();
}

void PrintSection(const char* title, const Json& object) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : object.items()) rows.push_back({"  " + key, MetadataCell(value)});
  std::printf("\n%s\n%s", title, Table(rows, /*header=*/false).c_str());
}

void PrintReport(const Json& report) {
  std::vector<std::vector<std::string>> head;
  for (const char* key : {"file", "name", "architecture", "version"}) {
    if (report.contains(key)) head.push_back({key, MetadataCell(report[key])});
  }
  head.push_back({"size", FormatBytes(report["bytes"].get<std::uint64_t>())});
  head.push_back({"parameters", FormatCount(report["parameters"].get<std::uint64_t>())});
  std::fputs(Table(head, /*header=*/false).c_str(), stdout);
  PrintSection("shape", report["shape"]);
  PrintSection("tokenizer", report["tokenizer"]);
  PrintSection("chat template", report["chat"]);

  std::vector<std::vector<std::string>> types{{"type", "tensors", "parameters", "size"}};
  for (const auto& [type, part] : report["types"].items()) {
    types.push_back({type, part["tensors"].dump(), FormatCount(part["elements"].get<std::uint64_t>()),
                     FormatBytes(part["bytes"].get<std::uint64_t>())});
  }
  std::printf("\n%s", Table(types, /*header=*/true).c_str());

  std::vector<std::vector<std::string>> metadata{{"key", "value"}};
  for (const auto& [key, value] : report["metadata"].items()) metadata.push_back({PrintableLine(key, kShownBytes), ValueLine(value)});
  std::printf("\n%s", Table(metadata, /*header=*/true).c_str());

  std::vector<std::vector<std::string>> tensors{{"tensor", "type", "shape", "size"}};
  for (const Json& tensor : report["tensors"]) {
    std::string shape;
    for (const Json& dimension : tensor["shape"]) shape += (shape.empty() ? "" : " x ") + dimension.dump();
    tensors.push_back({PrintableLine(tensor["name"].get_ref<const std::string&>(), kShownBytes), tensor["type"].get<std::string>(), shape,
                       FormatBytes(tensor["bytes"].get<std::uint64_t>())});
  }
  std::printf("\n%s", Table(tensors, /*header=*/true).c_str());
}

}  // namespace

void AddModelInspect(CLI::App& model, Context& context) {
  auto* command = model.add_subcommand("inspect", "Show what is in a GGUF file");
  const auto path = std::make_shared<std::string>();
  const auto as_json = std::make_shared<bool>(false);
  command->add_option("file", *path, "The file")->required();
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([&context, path, as_json] {
    const auto file = gguf::GgufFile::Open(*path);
    if (!file) return context.Fail(file.error().message);
    const Json report = Inspect(*file);
    if (*as_json) {
      std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
      PrintReport(report);
    }
  });
}

}  // namespace inferd::cli
