#include "metrics/collectors/disk.h"

#include <sys/statvfs.h>

#include <cerrno>

#include "metrics/family.h"
#include "runtime/base/errno_text.h"

namespace inferd::metrics {

Result<> DiskCollector::Collect(MonotonicTime /*now*/, Families& families) {
  FamilyBuilder free(Metric::kDiskFree);
  Result<> result;
  for (const std::string& path : paths_) {
    struct statvfs now {};
    if (::statvfs(path.c_str(), &now) != 0) {
      if (result) result = Error(Code::kIo, path + ": " + ErrnoText(errno));
      continue;
    }
    // f_bavail: what is left for processes without privileges.
    free.Add({path}, static_cast<double>(now.f_bavail) * static_cast<double>(now.f_frsize));
  }
  families.push_back(free.Take());
  return result;
}

}  // namespace inferd::metrics
