// /debug/requests, /debug/trace and /debug/bundle: what just happened, from the flight recorder's copies. Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/api/http.h"
#include "daemon/views.h"
#include "logging/flight_recorder.h"

namespace inferd::daemon {

class DebugPages {
 public:
  // More that goes into the bundle: file name and what makes its text; nothing where it would be too large.
  using Extra = std::pair<std::string, std::function<std::optional<std::string>()>>;

  // All must outlive the pages.
  DebugPages(const Views& views, const logging::FlightRecorder& recorder, std::vector<Extra> extras)
      : views_(views), recorder_(recorder), extras_(std::move(extras)) {}

  // Requires one of the three paths.
  HttpResponse Handle(const RequestHead& head) const;

  // The last records as comment lines "# request {...}" and "# step ...": evidence for a file beside metrics.
  std::string AsComments() const;

 private:
  HttpResponse Requests(std::string_view query) const;
  HttpResponse OneRequest(std::string_view id) const;
  HttpResponse Trace(std::string_view query) const;
  HttpResponse Bundle() const;
  std::string RequestsJson() const;
  // What is known of the requests that have not ended.
  std::vector<engine::RequestRecord> Running() const;
  std::string TraceJson(Duration last) const;
  std::string_view ModelOf(const engine::RequestRecord& record) const;

  const Views& views_;
  const logging::FlightRecorder& recorder_;
  const std::vector<Extra> extras_;
};

// A tar archive (POSIX.1-1988 ustar) of files with these names and contents. Names are at most 99 bytes.
std::string Tar(const std::vector<std::pair<std::string, std::string>>& files, WallTime now);

}  // namespace inferd::daemon
