#include "metrics/collectors/certificates.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>

#include "metrics/family.h"
#include "runtime/base/errno_text.h"

namespace inferd::metrics {
namespace {

std::optional<double> ExpiryOf(const X509& certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time) != 1) return std::nullopt;
  return static_cast<double>(::timegm(&time));
}

// The earliest expiry of all certificates in the file: a chain is as good as its first link to break.
Result<double> EarliestExpiry(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return Error(Code::kIo, path + ": " + ErrnoText(errno));
  std::optional<double> earliest;
  for (;;) {
    const std::unique_ptr<X509, void (*)(X509*)> certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr), X509_free);
    if (!certificate) break;
    const auto expiry = ExpiryOf(*certificate);
    if (expiry) earliest = std::min(earliest.value_or(*expiry), *expiry);
  }
  ERR_clear_error();  // the end of the file is an error to OpenSSL
  if (!earliest) return Error(Code::kCorrupt, path + " holds no certificate in PEM form");
  return *earliest;
}

}  // namespace

Result<> CertificateCollector::Collect(MonotonicTime /*now*/, Families& families) {
  FamilyBuilder expiry(Metric::kCertificateExpiry);
  Result<> result;
  for (const std::string& path : paths_) {
    const Result<double> earliest = EarliestExpiry(path);
    if (earliest) {
      expiry.Add({path}, *earliest);
    } else if (result) {
      result = tl::unexpected(earliest.error());
    }
  }
  families.push_back(expiry.Take());
  return result;
}

}  // namespace inferd::metrics
