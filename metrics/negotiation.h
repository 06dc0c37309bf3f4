// What a scraper asks for: format by Accept, compression by Accept-Encoding (RFC 9110, sections 12.4.2, 12.5.1 and 12.5.3). Pure. Headers
// come from strangers: whatever is in them, there is an answer.
#pragma once

#include <string_view>

#include "metrics/exposition.h"

namespace inferd::metrics {

// The format that an Accept header prefers; text when it has no opinion. OpenMetrics has to be asked for by name. A version that is not
// spoken here counts as not asked for.
Format ChooseFormat(std::string_view accept);

// With the versions that Prometheus 3 insists on.
std::string_view ContentType(Format format);

// Whether an Accept-Encoding header takes gzip. No header takes nothing.
bool AcceptsGzip(std::string_view accept_encoding);

}  // namespace inferd::metrics
