#include "config/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

namespace inferd {
namespace {

// Takes a document and keeps only where it began.
class Place final : public YAML::EventHandler {
 public:
  YAML::Mark begin;

  void OnDocumentStart(const YAML::Mark& mark) override { begin = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

OneDocument LoadOneDocument(const std::string& text) {
  OneDocument document{.root = YAML::Load(text)};
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Place place;
  document.has_second = parser.HandleNextDocument(place) && parser.HandleNextDocument(place);
  if (document.has_second) document.second = place.begin;
  return document;
}

}  // namespace inferd
