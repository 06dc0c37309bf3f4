// inferctl audit verify: whether an audit log is what the daemon wrote.
#include "logging/audit.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/text.h"
#include "config/value.h"
#include "runtime/base/clock.h"

namespace inferd::cli {

void AddAudit(CLI::App& app, Context& context) {
  auto* audit = app.add_subcommand("audit", "Look at audit logs");
  audit->require_subcommand(1);
  audit->fallthrough();
  auto* verify = audit->add_subcommand("verify", "Find the first line that was altered, removed or moved");
  const auto file = std::make_shared<std::string>();
  const auto head = std::make_shared<std::string>();
  verify->add_option("FILE", *file, "The audit log; the files that were rotated from it are read first")->required();
  verify->add_option("--head", *head, "The hash that the last line must have, as the daemon logged it (event audit_head)");
  const auto keep = std::make_shared<std::string>("180d");
  const CLI::Validator is_duration([](const std::string& text) { return config::ParseDuration(text) ? "" : text + " is no duration"; },
                                   "DURATION");
  verify->add_option("--keep", *keep, "logs.audit.keep of the daemon: lines younger than that must all be there")
      ->check(is_duration)
      ->capture_default_str();
  verify->callback([&context, file, head, keep] {
    const auto report = logging::VerifyAudit(*file, {.head = head->empty() ? std::nullopt : std::optional(*head),
                                                     .keep = *config::ParseDuration(*keep),
                                                     .now = SystemClock().WallNow()});
    if (!report) return context.Fail(report.error().message);
    if (report->fault) {
      const std::string where = report->fault->line == 0 ? " " : ":" + std::to_string(report->fault->line) + ": this line ";
      return context.Fail(PrintableLine(report->fault->file, 1000) + where + PrintableLine(report->fault->what, 1000));
    }
    std::printf("good: %llu lines in %llu files", static_cast<unsigned long long>(report->lines),
                static_cast<unsigned long long>(report->files));
    if (report->first_seq > 1) std::printf(", beginning with number %llu", static_cast<unsigned long long>(report->first_seq));
    std::printf("\nlast line: number %llu, hash %s\n", static_cast<unsigned long long>(report->head.seq), report->head.hash.c_str());
  });
}

}  // namespace inferd::cli
