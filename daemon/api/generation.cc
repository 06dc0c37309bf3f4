// The two generation endpoints: from a body to a request in the engine, and from its output to an answer.
#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

#include "daemon/api/api.h"
#include "daemon/api/params.h"
#include "daemon/api/work.h"

namespace inferd::daemon {

using engine::FinishReason;
using engine::Outcome;
using model::TokenId;

namespace {

// Of several choices: one that ran into its limit makes the request "length", else one that met a stop string makes it "stop".
Outcome Worse(Outcome so_far, FinishReason reason) {
  if (reason == FinishReason::kLength || so_far == Outcome::kLength) return Outcome::kLength;
  if (reason == FinishReason::kStopString || so_far == Outcome::kStop) return Outcome::kStop;
  return Outcome::kOk;
}

ApiError BrokenError(FinishReason reason, engine::CancelReason cancel) {
  if (reason == FinishReason::kExpired) {
    return {.status = 408, .message = "the deadline of the request passed before its answer was complete", .code = "deadline_exceeded"};
  }
  if (reason == FinishReason::kCancelled) {
    const std::string why =
        cancel == engine::CancelReason::kDrain ? "the server is shutting down and cut the request" : "the request was cancelled";
    return {.status = 503, .message = why, .code = "service_unavailable", .retry_after = std::chrono::seconds(5)};
  }
  return {.status = 500, .message = "the model failed on this request; the server's log says why", .code = "internal_error"};
}

// Worse endings hide better ones.
int Rank(FinishReason reason) {
  switch (reason) {
    case FinishReason::kFailed: return 3;
    case FinishReason::kCancelled: return 2;
    case FinishReason::kExpired: return 1;
    default: return 0;
  }
}

// How long after the deadline a client waits for an engine to notice: most steps are shorter, and the engine's own end is the better one,
// because it frees what the request holds.
constexpr Duration kDeadlineSlack = std::chrono::milliseconds(500);

}  // namespace

ApiResult<MonotonicTime> Call::Deadline() const {
  Duration limit = parts_.settings.Get()->deadline;
  const std::string_view header = head_.Find("x-request-timeout");
  if (!header.empty()) {
    double seconds = 0;
    const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
    if (error != std::errc() || end != header.data() + header.size() || !std::isfinite(seconds) || seconds <= 0) {
      return tl::unexpected<ApiError>(ApiError{.message = "the header X-Request-Timeout must be a number of seconds greater than 0",
                                               .param = "X-Request-Timeout",
                                               .code = "invalid_value"});
    }
    if (seconds < ToSeconds(limit)) limit = FromSeconds(seconds);
  }
  return head_.received + limit;
}

ApiResult<std::shared_ptr<engine::Request>> Call::Prepare(const std::string& body, AnswerOptions& options, const ServedModel*& model) {
  const bool chat = route_ == Route::kChatCompletions;
  auto parsed = chat ? ParseChatBody(body) : ParseCompletionBody(body);
  if (!parsed) return tl::unexpected<ApiError>(std::move(parsed).error());
  user_ = parsed->user;
  engine::RequestRecord& record = books_->record();
  record.stream = parsed->stream;

  const auto found = FindModel(parsed->model, true);
  if (!found) {
    if (found.error().status == 404) books_->OpenFor(parts_.ledger.other_model());
    return tl::unexpected<ApiError>(found.error());
  }
  model = *found;
  books_->OpenFor(model->index);
  const model::Tokenizer& tokenizer = *model->tokenizer;

  const auto deadline = Deadline();
  if (!deadline) return tl::unexpected<ApiError>(deadline.error());

  const auto settings = parts_.settings.Get();
  engine::Priority priority = parsed->priority.value_or(engine::Priority::kNormal);
  if (!settings->priorities[static_cast<std::size_t>(priority)]) {
    std::string allowed;
    std::optional<engine::Priority> first;
    for (std::size_t i = 0; i < engine::kPriorities; ++i) {
      if (!settings->priorities[i]) continue;
      if (!first) first = static_cast<engine::Priority>(i);
      allowed += (allowed.empty() ? "" : ", ") + std::string(engine::PriorityName(static_cast<engine::Priority>(i)));
    }
    if (parsed->priority) {
      return BadParam("priority",
                      "priority is \"" + std::string(engine::PriorityName(priority)) + "\"; allowed on this server: " + allowed);
    }
    priority = first.value_or(engine::Priority::kNormal);
  }
  record.priority = priority;

  engine::GenerateParams params;
  if (settings->keep_texts) {
    options.keep_text = true;
    for (const model::ChatMessage& message : parsed->messages) prompt_ += message.role + ": " + message.content + "\n";
    for (const std::string& text : parsed->texts) prompt_ += text + "\n";
  }
  if (chat) {
    if (!model->chat) return BadParam("model", "the model \"" + model->name + "\" cannot chat: " + model->why_no_chat, "unsupported_model");
    const auto pieces = model->chat->render(parsed->messages);
    if (!pieces) return BadParam("messages", pieces.error().message);
    std::vector<TokenId> prompt;
    for (const model::PromptPiece& piece : *pieces) {
      // The template writes the beginning of the sequence itself where the model wants one.
      const auto tokens = tokenizer.Encode(piece.text, {.add_special = false, .parse_special = piece.special});
      prompt.insert(prompt.end(), tokens.begin(), tokens.end());
    }
    params.prompts.push_back(std::move(prompt));
  } else {
    // Who writes the whole prompt writes its markers too.
    for (const std::string& text : parsed->texts)
      params.prompts.push_back(tokenizer.Encode(text, {.add_special = true, .parse_special = true}));
    for (std::size_t i = 0; i < parsed->token_prompts.size(); ++i) {
      const std::string param = parsed->token_prompts.size() == 1 ? "prompt" : "prompt[" + std::to_string(i) + "]";
      auto tokens = BindTokens(param, parsed->token_prompts[i], tokenizer.vocab_size());
      if (!tokens) return tl::unexpected<ApiError>(std::move(tokens).error());
      params.prompts.push_back(std::move(*tokens));
    }
  }

  std::size_t longest = 0;
  std::size_t total = 0;
  for (const auto& prompt : params.prompts) {
    if (prompt.empty()) return BadParam(chat ? "messages" : "prompt", "the prompt has no tokens; write something");
    longest = std::max(longest, prompt.size());
    total += prompt.size();
  }
  record.prompt_tokens = static_cast<std::uint32_t>(total);
  const auto max_tokens = BindMaxTokens(*parsed, longest, model->context);
  if (!max_tokens) return tl::unexpected<ApiError>(max_tokens.error());
  auto bias = BindLogitBias(*parsed, tokenizer.vocab_size());
  if (!bias) return tl::unexpected<ApiError>(std::move(bias).error());

  params.n = parsed->n;
  params.max_tokens = *max_tokens;
  params.sampling = parsed->sampling;
  params.sampling.logit_bias = std::move(*bias);
  params.sampling.seed = parsed->seed ? *parsed->seed : RandomNumber();
  params.stop = std::move(parsed->stop);
  params.ignore_eos = parsed->ignore_eos;
  params.deadline = *deadline;

  options.chat = chat;
  options.stream = parsed->stream;
  options.include_usage = parsed->include_usage;
  options.reasons = chat && model->chat->reasons;
  options.opens_think = chat && model->chat->opens_think;
  options.logprobs = parsed->sampling.logprobs >= 0;
  options.choices = static_cast<int>(params.prompts.size()) * params.n;
  options.id = request_id_;
  options.model = model->name;
  options.created = std::chrono::duration_cast<std::chrono::seconds>(head_.received_wall.time_since_epoch()).count();
  record.choices = static_cast<std::uint32_t>(options.choices);
  return std::make_shared<engine::Request>(std::move(params), priority);
}

std::optional<HttpResponse> Call::Generate(const std::string& body) {
  AnswerOptions options;
  const ServedModel* model = nullptr;
  books_->record().bytes_in = head_.head_bytes + body.size();
  auto request = Prepare(body, options, model);
  if (!request) return Answer(request.error());
  work_ = std::make_unique<Work>(*request, options, *model->tokenizer);
  books_->HandOver(*request);
  if (const auto accepted = model->engine->Submit(*request); !accepted) {
    books_->TakeBack();
    work_.reset();
    shed_point_ = "engine";
    return Answer(FromRefusal(accepted.error().reason, accepted.error().message, accepted.error().retry_after));
  }
  if (open_) open_->Taken(*request);
  return std::nullopt;
}

bool Call::pending() const { return work_ && !work_->ended; }

void Call::OnReady(std::function<void()> wake) {
  if (work_) work_->request->output.OnReady(std::move(wake));
}

void Call::ClientGone() {
  client_lost_ = true;
  if (!work_ || work_->ended) return;
  work_->gone = true;
  work_->request->Cancel(engine::CancelReason::kClientGone);
}

MonotonicTime Call::AnswerDue() const {
  if (!pending() || work_->gone || work_->late) return MonotonicTime::max();
  const MonotonicTime deadline = work_->request->params().deadline;
  return deadline > MonotonicTime::max() - kDeadlineSlack ? MonotonicTime::max() : deadline + kDeadlineSlack;
}

Call::Part Call::Poll() {
  Part part;
  if (!work_ || work_->ended) {
    part.ended = true;
    return part;
  }
  Work& work = *work_;
  auto batch = work.request->output.Drain();
  for (engine::OutputEvent& event : batch.events) {
    if (event.finished && Rank(*event.finished) > 0) {
      if (!work.broken || Rank(*event.finished) > Rank(*work.broken)) work.broken = event.finished;
      continue;
    }
    if (event.finished) work.outcome = Worse(work.outcome, *event.finished);
    if (!work.gone && !work.late && !work.broken) part.data += work.answer.Add(std::move(event));
  }

  const auto begin = [&] {
    if (work.begun || work.gone || work.late) return;
    work.begun = true;
    HttpResponse head;
    head.content_type = "text/event-stream";
    head.Set("Cache-Control", "no-cache");
    head.Set("X-Accel-Buffering", "no");  // a proxy in front must not collect the pieces
    part.head = Finish(std::move(head));
  };
  part.streaming = work.stream && (work.begun || !part.data.empty());
  if (part.streaming) begin();

  const auto fail = [&](const ApiError& error) {
    message_ = error.message;
    if (work.begun) {
      part.data += work.answer.StreamError(error);
    } else {
      part.streaming = false;
      part.head = Finish(ToResponse(error));
    }
  };
  if (!batch.ended) {
    if (parts_.clock.Now() < AnswerDue()) return part;
    fail(BrokenError(FinishReason::kExpired, engine::CancelReason::kNone));
    work.late = true;
    part.answered = true;
    return part;
  }
  part.ended = true;
  work.ended = true;
  work.request->output.OnReady({});
  answer_ = work.answer.KeptText();
  Settle();
  if (work.gone || work.late) {
    part.data.clear();
    part.streaming = false;
    return part;
  }
  const engine::RequestRecord& record = work.request->record;
  if (work.broken) {
    fail(BrokenError(*work.broken, work.request->cancel_reason()));
    return part;
  }
  if (work.stream) {
    begin();
    part.streaming = true;
    part.data += work.answer.StreamEnd(record);
    return part;
  }
  HttpResponse response;
  response.body = work.answer.Body(record);
  response.Set("Server-Timing", ServerTiming(record));
  part.head = Finish(std::move(response));
  return part;
}

void Call::Settle() {
  const Work& work = *work_;
  if (work.late) {
    books_->Ended(Outcome::kExpired, work.begun ? 200 : 408);
    return;
  }
  if (work.gone) {
    books_->Ended(Outcome::kCancelled, 499);
    message_ = "the client went away";
    return;
  }
  if (!work.broken) {
    books_->Ended(work.outcome, 200);
    return;
  }
  const ApiError error = BrokenError(*work.broken, work.request->cancel_reason());
  const Outcome outcome = *work.broken == FinishReason::kExpired     ? Outcome::kExpired
                          : *work.broken == FinishReason::kCancelled ? Outcome::kCancelled
                                                                     : Outcome::kFailed;
  books_->Ended(outcome, work.begun ? 200 : error.status);
}

Call::~Call() {
  if (client_lost_) {
    status_ = 499;
    if (message_.empty()) message_ = "the client went away";
  }
  assert(!pending());
  if (pending()) work_->request->output.OnReady({});
  if (status_ == 0) status_ = 499;
  parts_.counters.Count(route_, status_);
  const MonotonicTime now = parts_.clock.Now();
  std::optional<engine::RequestRecord> record;
  if (books_) {
    books_->record().bytes_in = std::max(books_->record().bytes_in, bytes_in_);
    books_->record().bytes_out = bytes_out_;
    // An answer that was complete but could not be delivered was not given; a refusal stays what it is.
    if (client_lost_ && books_->record().outcome != Outcome::kRejected) books_->Ended(Outcome::kCancelled, 499);
    books_->record().ended = now;
    record = books_->record();
    books_.reset();
  }
  if (!parts_.on_end) return;
  parts_.on_end(CallEnd{.route = route_,
                        .record = record ? &*record : nullptr,
                        .method = head_.method,
                        .path = head_.path,
                        .request_id = request_id_,
                        .peer = head_.peer,
                        .user = user_,
                        .message = message_,
                        .shed_point = shed_point_,
                        .status = status_,
                        .duration = now - head_.received,
                        .trace_id = trace_.trace_id,
                        .user_agent = head_.Find("user-agent"),
                        .bytes_in = bytes_in_,
                        .bytes_out = bytes_out_,
                        .prompt = prompt_,
                        .answer = answer_});
}

}  // namespace inferd::daemon
