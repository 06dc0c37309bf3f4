// A file that should hold one YAML document.
#pragma once

#include <yaml-cpp/node/node.h>

#include <string>

namespace inferd {

struct OneDocument {
  YAML::Node root;          // null when the text is empty
  bool has_second = false;  // after it comes another document
  YAML::Mark second{};      // where that begins
};

// Instead of YAML::LoadAll, which never returns from some malformed texts (",g:" for one). Throws YAML::Exception when it is not YAML.
OneDocument LoadOneDocument(const std::string& text);

}  // namespace inferd
