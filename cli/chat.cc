// inferctl chat: one question, or a conversation; the answer is printed as it is generated. Reasoning is shown dimmed on a terminal and
// left out otherwise, so that a pipe gets the answer alone.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/sse_parser.h"
#include "cli/text.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ChatOptions {
  std::vector<std::string> prompt;  // words; the shell has cut them if they were not quoted
  std::string model;
  std::string system;
  int max_tokens = 0;  // 0: the server's default
  std::optional<double> temperature;
};

// Prints pieces of text as they come. Code points may be cut between pieces; what is incomplete waits.
class AnswerPrinter {
 public:
  void Reasoning(std::string_view text) {
    if (!terminal_ || text.empty()) return;
    if (!dimmed_) std::fputs("\x1b[2m", stdout);
    dimmed_ = true;
    Print(text);
  }
  void Content(std::string_view text) {
    if (text.empty()) return;
    if (dimmed_) std::fputs("\x1b[0m\n\n", stdout);
    dimmed_ = false;
    Print(text);
  }
  void End() {
    if (dimmed_) std::fputs("\x1b[0m", stdout);
    std::fputs("\n", stdout);
    std::fflush(stdout);
  }

 private:
  void Print(std::string_view text) const {
    if (terminal_) {
      std::fputs(Printable(text).c_str(), stdout);
    } else {
      std::fwrite(text.data(), 1, text.size(), stdout);
    }
    std::fflush(stdout);
  }

  bool terminal_ = IsTerminal(STDOUT_FILENO);
  bool dimmed_ = false;
};

std::string_view StringAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? std::string_view(found->get_ref<const std::string&>()) : std::string_view();
}

// Asks with the whole conversation, prints the answer and returns its text (without the reasoning).
Result<std::string> Ask(HttpClient& client, const Context& context, const ChatOptions& options, const Json& messages) {
  Json body{{"model", options.model}, {"messages", messages}, {"stream", true}};
  if (options.max_tokens > 0) body["max_tokens"] = options.max_tokens;
  if (options.temperature) body["temperature"] = *options.temperature;

  std::string answer;
  std::string failure;
  bool done = false;
  bool reasoned = false;
  AnswerPrinter printer;
  const auto on_event = [&](std::string_view data) {
    if (data == "[DONE]") {
      done = true;
      return;
    }
    const Json event = Json::parse(data, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object()) {
      failure = "the server sent an event that is not JSON";
      return;
    }
    if (const auto error = event.find("error"); error != event.end() && error->is_object()) failure = StringAt(*error, "message");
    const auto choices = event.find("choices");
    if (choices == event.end() || !choices->is_array() || choices->empty()) return;
    const auto delta = choices->front().find("delta");
    if (delta == choices->front().end() || !delta->is_object()) return;
    const std::string_view reasoning = StringAt(*delta, "reasoning_content");
    const std::string_view content = StringAt(*delta, "content");
    reasoned = reasoned || !reasoning.empty();
    printer.Reasoning(reasoning);
    printer.Content(content);
    answer += content;
  };

  SseParser parser;
  const std::string url = JoinUrl(context.api_url, "/v1/chat/completions");
  const auto response = client.Post(url, body.dump(-1, ' ', false, Json::error_handler_t::replace),
                                    [&](std::string_view bytes) { return parser.Feed(bytes, on_event) && failure.empty(); });
  printer.End();
  if (!failure.empty()) return Error(Code::kUnavailable, url + ": " + PrintableLine(failure, 500));
  if (!response) return tl::unexpected<Status>(response.error());
  if (response->status != 200) return Error(Code::kUnavailable, url + ": " + ErrorMessage(*response));
  if (!done) return Error(Code::kUnavailable, url + ": the answer broke off");
  if (answer.empty() && reasoned)
    std::fputs("inferctl: the answer ended while the model was still thinking; allow more with --max-tokens\n", stderr);
  return answer;
}

void Run(Context& context, ChatOptions options) {
  HttpClient client(context.api_key);
  if (options.model.empty()) {
    auto model = FirstModel(client, context.api_url);
    if (!model) return context.Fail(model.error().message);
    options.model = *std::move(model);
  }
  Json messages = Json::array();
  if (!options.system.empty()) messages.push_back({{"role", "system"}, {"content", options.system}});
  if (!options.prompt.empty()) {
    std::string prompt;
    for (const std::string& word : options.prompt) prompt += (prompt.empty() ? "" : " ") + word;
    messages.push_back({{"role", "user"}, {"content", prompt}});
    if (const auto answer = Ask(client, context, options, messages); !answer) context.Fail(answer.error().message);
    return;
  }

  const bool terminal = IsTerminal(STDIN_FILENO) && IsTerminal(STDOUT_FILENO);
  if (terminal) std::printf("%s. Ctrl-D ends the conversation.\n", PrintableLine(options.model, 80).c_str());
  std::string line;
  while ((terminal && std::fputs("> ", stdout) >= 0 && std::fflush(stdout) == 0, std::getline(std::cin, line))) {
    if (line.empty()) continue;
    messages.push_back({{"role", "user"}, {"content", line}});
    const auto answer = Ask(client, context, options, messages);
    if (!answer) {
      context.Fail(answer.error().message);
      messages.erase(messages.size() - 1);
      continue;
    }
    messages.push_back({{"role", "assistant"}, {"content", *answer}});
  }
  if (terminal) std::fputs("\n", stdout);
}

}  // namespace

void AddChat(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("chat", "Ask the model; without a prompt, hold a conversation");
  const auto options = std::make_shared<ChatOptions>();
  command->add_option("prompt", options->prompt, "The question");
  command->add_option("--model", options->model, "Name of the model (default: the first that the server lists)");
  command->add_option("--system", options->system, "System prompt");
  command->add_option("--max-tokens", options->max_tokens, "Longest answer")->check(CLI::PositiveNumber);
  command->add_option("--temperature", options->temperature, "0 is the most likely answer, 2 the wildest")->check(CLI::Range(0.0, 2.0));
  command->callback([&context, options] { Run(context, *options); });
}

}  // namespace inferd::cli
