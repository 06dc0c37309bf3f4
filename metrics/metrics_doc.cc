// Prints docs/METRICS.md.
#include <iostream>

#include "metrics/catalogue.h"

int main() {
  std::cout << inferd::metrics::CatalogueMarkdown();
  return std::cout.flush() ? 0 : 1;
}
