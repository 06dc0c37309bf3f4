#include "daemon/model_loader.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <utility>

#include "runtime/base/sha256.h"
#include "runtime/model/chat_template.h"
#include "runtime/model/compute_pool.h"
#include "runtime/model/model.h"

namespace inferd::daemon {
namespace {

// Of the machine with a model, when it is loaded.
constexpr Duration kMeasuring = std::chrono::milliseconds(60);

Status WithPath(const std::string& path, Status status) {
  if (status.message.find(path) == std::string::npos) status.message = path + ": " + status.message;
  return status;
}

// The CPU of each thread, beginning with the `first`th of those that are allowed; over again when there are more threads than CPUs.
std::vector<int> CpusFor(const std::vector<int>& allowed, std::size_t first, std::size_t threads) {
  std::vector<int> cpus;
  for (std::size_t i = 0; i < threads && !allowed.empty(); ++i) cpus.push_back(allowed[(first + i) % allowed.size()]);
  return cpus;
}

// Whom a right has to be given.
std::string ThisUser() {
  const uid_t id = ::geteuid();
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer;
  if (::getpwuid_r(id, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "uid " + std::to_string(id);
  return std::string(found->pw_name) + " (uid " + std::to_string(id) + ")";
}

// The first folder on the way to a file that cannot be read, or the file.
std::string InTheWay(const std::filesystem::path& file) {
  std::filesystem::path here;
  for (const auto& part : file.parent_path()) {
    here /= part;
    if (::faccessat(AT_FDCWD, here.c_str(), X_OK, AT_EACCESS) != 0) return "the folder " + here.string();
  }
  return "the file";
}

}  // namespace

Result<> FindModelFiles(const std::vector<config::Model>& models) {
  std::string faults;
  bool missing = false, closed = false;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const std::string& path = models[i].path;
    if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0) continue;
    const int error = errno;
    // Whatever else may be wrong with a file is said by who opens it.
    if (error != ENOENT && error != ENOTDIR && error != EACCES) continue;
    faults += "models[" + std::to_string(i) + "].path: " + path;
    if (error == EACCES) {
      faults += " cannot be read: " + InTheWay(path) + " is closed to the user " + ThisUser() + "; ";
      closed = true;
    } else {
      faults += " does not exist; ";
      missing = true;
    }
  }
  if (faults.empty()) return {};
  if (closed) {
    faults +=
        "open it to that user, or put the file where the user may read it (as a service: into /var/lib/inferd-models, readable by the "
        "group inferd-models; home folders are closed to services)";
  }
  if (missing) {
    faults += std::string(closed ? "; " : "") +
              "put a GGUF file there or name another in the configuration (the package inferd-demo-model has one for a first try)";
  }
  return Error(Code::kNotFound, faults + ", then start inferd again");
}

Result<LoadedModel> LoadModel(const config::Model& wanted, const config::Queue& queue, std::uint16_t index, std::size_t first_cpu,
                              const Clock& clock, engine::Ledger& ledger, Ring<engine::StepRecord>& steps, const std::atomic<bool>& stop,
                              std::atomic<int>& percent) {
  const auto failed = [&](Status status) { return tl::unexpected<Status>(WithPath(wanted.path, std::move(status))); };
  const MonotonicTime begin = clock.Now();
  auto model = model::Model::Load(wanted.path, {.threads = wanted.threads.value_or(0), .kernels = {}});
  if (!model) return failed(std::move(model).error());
  // Before anything is read: who has too low a limit learns it at once. Reading the file then locks it, page by page.
  if (wanted.lock_memory) {
    if (auto locked = (*model)->file().mapping().Lock(); !locked) return failed(std::move(locked).error());
  }
  auto tokenizer = model::Tokenizer::FromGguf((*model)->file());
  if (!tokenizer) return failed(std::move(tokenizer).error());

  // Nearly all of the time goes into reading the file.
  percent = 0;
  const auto bytes = (*model)->file().mapping().bytes();
  const auto go_on = [&](std::size_t done) {
    percent = static_cast<int>(100 * done / std::max<std::size_t>(bytes.size(), 1));
    return !stop;
  };

  LoadedModel loaded;
  ServedModel& served = loaded.served;
  served.index = index;
  served.name = wanted.name;
  served.created = std::chrono::duration_cast<std::chrono::seconds>(clock.WallNow().time_since_epoch()).count();
  served.facts = {.path = wanted.path,
                  .architecture = std::string(model::ArchitectureName((*model)->config().architecture)),
                  .quantization = std::string((*model)->quantization()),
                  .kernels = std::string((*model)->kernels()),
                  .parameters = (*model)->parameters(),
                  .weight_bytes = (*model)->weight_bytes(),
                  .file_bytes = (*model)->file().size(),
                  // Brings the whole file into the page cache, too: the first step would have to do that otherwise.
                  .sha256 = Sha256Hex(bytes, go_on),
                  .locked_bytes = 0,
                  .cpus = {},
                  .load_time = {},
                  // Now, while nothing else computes on it and its file is in the page cache.
                  .peak = model::MeasureRoofline(**model, clock, kMeasuring)};

  served.why_no_chat = "models[" + std::to_string(index) + "].chat is off";
  if (wanted.chat != "off") {
    auto chat = model::ChatTemplate::FromGguf((*model)->file());
    if (chat) {
      const auto shared = std::make_shared<const model::ChatTemplate>(std::move(*chat));
      served.chat = ChatSupport{.render = [shared](std::span<const model::ChatMessage> messages) { return shared->Render(messages); },
                                .reasons = shared->reasons(),
                                .opens_think = shared->opens_think()};
    } else if (wanted.chat == "on") {
      return failed(std::move(chat).error());
    } else {
      served.why_no_chat = chat.error().message;
    }
  }

  std::vector<int> cpus;
  if (wanted.pin_threads) {
    cpus = CpusFor(model::AllowedCpus(), first_cpu, static_cast<std::size_t>((*model)->threads()));
    if (cpus.empty()) return failed({Code::kIo, "cannot bind threads: the system does not say which CPUs they may use"});
    if (auto pinned = (*model)->PinThreads(cpus); !pinned) return failed(std::move(pinned).error());
    for (const int cpu : cpus) served.facts.cpus += (served.facts.cpus.empty() ? "" : ",") + std::to_string(cpu);
  }

  const engine::EngineOptions options{.model_index = index,
                                      .context = wanted.context.value_or(0),
                                      .max_running = wanted.max_running,
                                      .max_batch_tokens = wanted.max_batch_tokens,
                                      .queue_capacity = queue.capacity,
                                      .kv_cache_bytes = static_cast<std::size_t>(wanted.kv_cache.value_or(0)),
                                      .kv_type = wanted.kv_type == "f32" ? model::KvType::kF32 : model::KvType::kF16,
                                      .prefix_cache = wanted.prefix_cache,
                                      .threads = wanted.threads.value_or(0),
                                      .lock_kv_cache = wanted.lock_memory,
                                      .cpu = cpus.empty() ? std::nullopt : std::optional(cpus[0]),
                                      .priority_aging = queue.aging};
  loaded.tokenizer = std::move(*tokenizer);
  auto engine = engine::Engine::Create(std::move(*model), *loaded.tokenizer, options, clock, ledger, steps);
  if (!engine) return failed(std::move(engine).error());
  loaded.engine = std::move(*engine);
  served.tokenizer = loaded.tokenizer.get();
  served.engine = loaded.engine.get();
  served.context = loaded.engine->options().context;
  if (wanted.lock_memory) served.facts.locked_bytes = bytes.size() + loaded.engine->options().kv_cache_bytes;
  served.facts.load_time = clock.Now() - begin;
  percent = 100;
  return loaded;
}

Result<> WarmUp(engine::Engine& engine, int passes, const Clock& clock, const std::atomic<bool>& stop) {
  // A lone token takes the road of decoding, longer prompts that of prefill. Each length once: a long one a second time makes no request
  // faster, and the start longer.
  constexpr std::array<int, 5> kLengths{1, 64, 1, 16, 256};
  for (int pass = 0; pass < passes && !stop; ++pass) {
    const auto nth = static_cast<std::size_t>(pass);
    const int length =
        std::min({nth < kLengths.size() ? kLengths[nth] : 1, engine.options().max_batch_tokens, engine.options().context - 1});
    engine::GenerateParams params;
    params.prompts.emplace_back();
    // Different prompts: the prefix cache must not answer for the model.
    for (int i = 0; i < std::max(length, 1); ++i) params.prompts[0].push_back((pass * 31 + i) % engine.config().vocab);
    params.max_tokens = 1;
    params.ignore_eos = true;
    auto request = std::make_shared<engine::Request>(std::move(params), engine::Priority::kInteractive);
    request->counted = false;
    request->record.model = engine.options().model_index;
    request->record.received = clock.Now();

    std::mutex mutex;
    std::condition_variable ready;
    bool signalled = false;
    request->output.OnReady([&] {
      const std::lock_guard lock(mutex);
      signalled = true;
      ready.notify_one();
    });
    if (const auto accepted = engine.Submit(request); !accepted) {
      request->output.OnReady({});
      if (stop) return {};
      return Error(Code::kInternal, "warm-up was refused: " + accepted.error().message);
    }
    bool failed = false;
    for (bool ended = false; !ended;) {
      {
        std::unique_lock lock(mutex);
        ready.wait(lock, [&] { return signalled; });
        signalled = false;
      }
      auto batch = request->output.Drain();
      for (const engine::OutputEvent& event : batch.events) failed = failed || event.finished == engine::FinishReason::kFailed;
      ended = batch.ended;
    }
    request->output.OnReady({});
    if (failed) return Error(Code::kInternal, "the model failed while it was warmed up");
  }
  return {};
}

}  // namespace inferd::daemon
