// Prints docs/LOGS.md.
#include <iostream>

#include "logging/events.h"

int main() {
  std::cout << inferd::logging::LogsMarkdown();
  return std::cout.flush() ? 0 : 1;
}
