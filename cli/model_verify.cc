// inferctl model verify: everything that inferd will ask of a model file, asked now.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/model.h"
#include "cli/text.h"
#include "cli/value_scan.h"
#include "runtime/base/sha256.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/chat_template.h"
#include "runtime/model/model.h"
#include "runtime/model/tokenizer.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Finding {
  std::string part;   // structure, tensors, ...
  std::string level;  // ok, warn, fail
  std::string what;
};

std::vector<Finding> Verify(const std::string& path, const std::optional<std::string>& expected_sha256, std::string& sha256) {
  std::vector<Finding> findings;
  const auto add = [&findings](std::string part, std::string level, std::string_view what) {
    findings.push_back({std::move(part), std::move(level), Printable(what)});
  };
  auto file = gguf::GgufFile::Open(path);
  if (!file) {
    add("structure", "fail", file.error().message);
    return findings;
  }
  file->mapping().WillNeed();
  add("structure", "ok",
      "GGUF version " + std::to_string(file->version()) + ", " + std::to_string(file->metadata().size()) + " keys, " +
          std::to_string(file->tensors().size()) + " tensors");

  sha256 = Sha256Hex(file->mapping().bytes());
  if (!expected_sha256) {
    add("sha256", "ok", sha256);
  } else if (std::ranges::equal(*expected_sha256, sha256, {},
                                [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; })) {
    add("sha256", "ok", sha256 + ", as expected");
  } else {
    add("sha256", "fail", sha256 + ", expected " + *expected_sha256);
  }

  std::size_t bad_tensors = 0;
  for (const gguf::Tensor& tensor : file->tensors()) {
    const std::optional<std::uint64_t> bad = FindNonFinite(tensor);
    if (!bad) continue;
    ++bad_tensors;
    add("values", "fail",
        "tensor '" + std::string(tensor.name) +
            "': " + (gguf::GetTensorType(tensor.type).block_elements == 1 ? "element " : "scale of block ") + std::to_string(*bad) +
            " is not a finite number");
  }
  if (bad_tensors == 0) add("values", "ok", "every value and scale is finite");

  if (const auto tokenizer = model::Tokenizer::FromGguf(*file)) {
    add("tokenizer", "ok", std::to_string((*tokenizer)->vocab_size()) + " tokens");
  } else {
    add("tokenizer", "fail", tokenizer.error().message);
  }
  if (const auto chat = model::ChatTemplate::FromGguf(*file)) {
    add("chat template", "ok", model::ChatFamilyName(chat->family()));
  } else {
    add("chat template", "warn", chat.error().message + " (chat completions will not be served)");
  }

  const auto loaded = model::Model::FromGguf(*std::move(file), {.threads = 1, .kernels = {}});
  if (loaded) {
    const model::ModelConfig& config = (*loaded)->config();
    add("model", "ok",
        std::string(model::ArchitectureName(config.architecture)) + ", " + FormatCount((*loaded)->parameters()) + " parameters, " +
            std::string((*loaded)->quantization()) + ": every tensor is there, in its shape");
  } else {
    add("model", "fail", loaded.error().message);
  }
  return findings;
}

}  // namespace

void AddModelVerify(CLI::App& model, Context& context) {
  auto* command = model.add_subcommand("verify", "Check a GGUF file whole: structure, values, tokenizer, chat template, tensors");
  const auto path = std::make_shared<std::string>();
  const auto expected = std::make_shared<std::optional<std::string>>();
  const auto as_json = std::make_shared<bool>(false);
  command->add_option("file", *path, "The file")->required();
  command->add_option("--sha256", *expected, "The digest that the file should have");
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([&context, path, expected, as_json] {
    std::string sha256;
    const std::vector<Finding> findings = Verify(*path, *expected, sha256);
    const bool good = std::ranges::none_of(findings, [](const Finding& finding) { return finding.level == "fail"; });
    if (*as_json) {
      Json out{{"file", Printable(*path)}, {"good", good}, {"sha256", sha256}, {"checks", Json::array()}};
      for (const Finding& f : findings) out["checks"].push_back({{"part", f.part}, {"level", f.level}, {"what", f.what}});
      std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
      std::vector<std::vector<std::string>> rows;
      for (const Finding& f : findings) rows.push_back({f.level, f.part, f.what});
      std::fputs(Table(rows, /*header=*/false).c_str(), stdout);
    }
    if (!good) context.Fail(*path + ": not good");
  });
}

}  // namespace inferd::cli
