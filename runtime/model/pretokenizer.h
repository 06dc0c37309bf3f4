// Cuts text into the words that byte-level BPE merges inside of. Each family publishes a regular expression; here it is a hand-written
// matcher over code points that gives the same cuts in one pass (std::regex knows neither Unicode categories nor linear time). A byte
// that is not UTF-8 counts as a symbol. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inferd::model {

enum class PreTokenizer { kLlama3, kQwen2, kDeepSeekLlm, kGpt2 };

// By the name in tokenizer.ggml.pre; nothing for an unknown one.
std::optional<PreTokenizer> FindPreTokenizer(std::string_view name);
// "llama-bpe, qwen2, ..."
std::string SupportedPreTokenizers();

// Appends the words of `text`, in order; together they are `text`.
void SplitWords(PreTokenizer pre_tokenizer, std::string_view text, std::vector<std::string_view>& words);

}  // namespace inferd::model
