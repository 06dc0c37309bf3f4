// The models that the API can be asked for: their names are fixed at start, each becomes usable when it is published. Readers never wait.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/engine/engine.h"
#include "runtime/model/chat_template.h"
#include "runtime/model/roofline.h"
#include "runtime/model/tokenizer.h"

namespace inferd::daemon {

// What chat needs of a model's template.
struct ChatSupport {
  std::function<Result<std::vector<model::PromptPiece>>(std::span<const model::ChatMessage>)> render;
  bool reasons = false;      // output may hold reasoning
  bool opens_think = false;  // and begins inside it
};

// For metrics and status.
struct ModelFacts {
  std::string path;
  std::string architecture;
  std::string quantization;
  std::string kernels;
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;  // streamed by one step
  std::uint64_t file_bytes = 0;
  std::string sha256;              // of the file, in hex
  std::uint64_t locked_bytes = 0;  // of weights and KV cache: never paged out
  std::string cpus;                // "0,1": of the compute threads; empty when they are not bound
  Duration load_time{};
  model::Roofline peak{};  // of the machine, with this model
};

// The pointers outlive every request.
struct ServedModel {
  std::uint16_t index = 0;  // into Ledger::models()
  std::string name;
  std::int64_t created = 0;  // seconds since 1970
  const model::Tokenizer* tokenizer = nullptr;
  engine::Engine* engine = nullptr;
  int context = 0;  // tokens of one request
  std::optional<ChatSupport> chat;
  std::string why_no_chat;  // for the client, when there is no chat
  ModelFacts facts;
};

class ServedModels {
 public:
  explicit ServedModels(std::vector<std::string> names) : names_(std::move(names)), slots_(names_.size()) {}

  // Once for each index, from one thread.
  void Publish(ServedModel model) {
    const std::size_t index = model.index;
    owned_.push_back(std::make_unique<const ServedModel>(std::move(model)));
    slots_[index].store(owned_.back().get(), std::memory_order_release);
  }

  const std::vector<std::string>& names() const { return names_; }
  std::size_t size() const { return names_.size(); }
  // nullptr until it is published.
  const ServedModel* at(std::size_t index) const { return slots_[index].load(std::memory_order_acquire); }

  // The index of a configured name, loaded or not.
  std::optional<std::uint16_t> IndexOf(std::string_view name) const {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == name) return static_cast<std::uint16_t>(i);
    }
    return std::nullopt;
  }

 private:
  const std::vector<std::string> names_;
  std::vector<std::atomic<const ServedModel*>> slots_;
  std::vector<std::unique_ptr<const ServedModel>> owned_;
};

}  // namespace inferd::daemon
