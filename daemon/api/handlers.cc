// The endpoints that answer at once: models, tokens, health.
#include <algorithm>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "daemon/api/api.h"
#include "daemon/api/params.h"
#include "logging/json.h"
#include "metrics/health.h"

namespace inferd::daemon {
namespace {

std::string ModelObject(const ServedModel& model) {
  std::string text = R"({"id":)";
  logging::AppendJsonString(model.name, text);
  text += R"(,"object":"model","created":)" + std::to_string(model.created) + R"(,"owned_by":"inferd","context_length":)" +
          std::to_string(model.context) + R"(,"chat":)" + (model.chat ? "true" : "false") + "}";
  return text;
}

HttpResponse JsonAnswer(std::string body, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

}  // namespace

ApiResult<const ServedModel*> Call::FindModel(const std::string& name, bool required) {
  if (name.empty() && !required && parts_.models.size() == 1) {
    if (const ServedModel* only = parts_.models.at(0)) return only;
  }
  const auto index = parts_.models.IndexOf(name);
  const ServedModel* model = index ? parts_.models.at(*index) : nullptr;
  if (model != nullptr) return model;
  if (index || (name.empty() && !required && parts_.models.size() == 1)) {
    return tl::unexpected<ApiError>(FromRefusal(engine::RefusalReason::kLoading,
                                                "the model \"" + parts_.models.names()[index.value_or(0)] + "\" is being loaded",
                                                std::chrono::seconds(5)));
  }
  std::string known;
  for (const std::string& other : parts_.models.names()) known += (known.empty() ? "" : ", ") + other;
  const std::string what = name.empty() ? "the field model is needed, because there are several models"
                                        : "the model \"" + name.substr(0, 100) + "\" does not exist";
  return tl::unexpected<ApiError>(
      ApiError{.status = 404, .message = what + "; known models: " + known, .param = "model", .code = "model_not_found"});
}

HttpResponse Call::Models() {
  std::string body = R"({"object":"list","data":[)";
  bool first = true;
  for (std::size_t i = 0; i < parts_.models.size(); ++i) {
    const ServedModel* model = parts_.models.at(i);
    if (model == nullptr) continue;
    if (!first) body += ',';
    first = false;
    body += ModelObject(*model);
  }
  return Finish(JsonAnswer(body + "]}"));
}

HttpResponse Call::OneModel() {
  const auto model = FindModel(model_id_, true);
  if (!model) return Answer(model.error());
  return Finish(JsonAnswer(ModelObject(**model)));
}

HttpResponse Call::Tokenize(const std::string& body) {
  const auto parsed = ParseTokenizeBody(body);
  if (!parsed) return Answer(parsed.error());
  const auto model = FindModel(parsed->model, false);
  if (!model) return Answer(model.error());
  const auto tokens =
      (*model)->tokenizer->Encode(parsed->text, {.add_special = parsed->add_special, .parse_special = parsed->parse_special});
  std::string text = R"({"tokens":[)";
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(tokens[i]);
  }
  return Finish(JsonAnswer(text + R"(],"count":)" + std::to_string(tokens.size()) + "}"));
}

HttpResponse Call::Detokenize(const std::string& body) {
  const auto parsed = ParseDetokenizeBody(body);
  if (!parsed) return Answer(parsed.error());
  const auto model = FindModel(parsed->model, false);
  if (!model) return Answer(model.error());
  const auto tokens = BindTokens("tokens", parsed->tokens, (*model)->tokenizer->vocab_size());
  if (!tokens) return Answer(tokens.error());
  // The field is named after either of the names that /tokenize takes.
  const std::string decoded = (*model)->tokenizer->Decode(*tokens, parsed->show_special);
  std::string text = R"({"text":)";
  logging::AppendJsonString(decoded, text);
  text += R"(,"content":)";
  logging::AppendJsonString(decoded, text);
  return Finish(JsonAnswer(text + "}"));
}

HttpResponse Call::Health(bool readiness_only) {
  const Lifecycle::Snapshot now = parts_.lifecycle.snapshot();
  const bool ready = now.state == State::kReady;
  std::string_view verdict = "ok";
  if (now.state < State::kReady) verdict = "loading";
  if (now.state > State::kReady) verdict = "draining";
  std::vector<std::string> reasons;
  if (!ready) reasons.push_back(now.reason);
  bool healthy = ready;
  if (now.state >= State::kReady) {
    metrics::Verdict worst = metrics::Verdict::kOk;
    for (std::size_t m = 0; m < parts_.models.size(); ++m) {
      const ServedModel* model = parts_.models.at(m);
      if (model == nullptr) continue;
      metrics::Health health = metrics::JudgeEngine(model->engine->status(), model->engine->options().max_running, parts_.clock.Now());
      // Of engines that are busy with the rest a drain says nothing; one that stands still will not get to its end.
      if (!ready && health.verdict != metrics::Verdict::kStalled) continue;
      worst = std::max(worst, health.verdict);
      for (const std::string& reason : health.reasons) reasons.push_back(ready ? reason : "stalled: " + reason);
    }
    if (ready) verdict = VerdictName(worst);
    // Busy or degraded it still serves, and may be asked; a stalled engine serves nobody.
    healthy = ready && (readiness_only ? worst != metrics::Verdict::kStalled : IsHealthy(worst));
  }
  std::string body = R"({"status":")" + std::string(readiness_only ? (healthy ? "ready" : "not ready") : verdict) + R"(","reasons":[)";
  for (const std::string& reason : reasons) {
    if (!body.ends_with('[')) body += ',';
    logging::AppendJsonString(reason, body);
  }
  HttpResponse response = JsonAnswer(body + "]}", healthy ? 200 : 503);
  if (!ready) response.Set("Retry-After", "5");
  response.Set("Cache-Control", "no-store");
  return Finish(std::move(response));
}

}  // namespace inferd::daemon
