#include "metrics/store/history_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/errno_text.h"

// The format, all numbers little-endian:
//   magic (8 bytes), then records, then a record of length 0
//   record:  u32 length of the body, u32 CRC-32 of the body, body
//   body:    u16 labels, for each: u16 length, name, u32 length, value; u32 chunks, for each: i64 first, i64 last, u32 count, u32 length,
//   bytes
namespace inferd::metrics {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "inferdH1";

Status IoError(const std::string& what, const std::filesystem::path& path) {
  return {Code::kIo, what + " " + path.string() + ": " + ErrnoText(errno)};
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

template <typename T>
void Put(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(T));
  out.append(bytes.data(), bytes.size());
}

// Takes values off the front of a buffer; nothing when it is too short.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }

  template <typename T>
  std::optional<T> Take() {
    if (bytes_.size() < sizeof(T)) return std::nullopt;
    T value{};
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  std::optional<std::string_view> Bytes(std::size_t length) {
    if (bytes_.size() < length) return std::nullopt;
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return taken;
  }

 private:
  std::string_view bytes_;
};

std::uint32_t Checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::string BodyOf(const SavedSeries& series) {
  std::string body;
  Put(body, static_cast<std::uint16_t>(series.labels.pairs().size()));
  for (const Label& label : series.labels.pairs()) {
    Put(body, static_cast<std::uint16_t>(label.name.size()));
    body += label.name;
    Put(body, static_cast<std::uint32_t>(label.value.size()));
    body += label.value;
  }
  Put(body, static_cast<std::uint32_t>(series.chunks.size()));
  for (const auto& chunk : series.chunks) {
    Put(body, chunk->first);
    Put(body, chunk->last);
    Put(body, chunk->count);
    Put(body, static_cast<std::uint32_t>(chunk->bytes.size()));
    body.append(chunk->bytes.begin(), chunk->bytes.end());
  }
  return body;
}

// Nothing when the body is not what BodyOf makes.
std::optional<SavedSeries> ReadBody(std::string_view body) {
  Cursor in(body);
  const auto label_count = in.Take<std::uint16_t>();
  if (!label_count) return std::nullopt;
  std::vector<Label> labels;
  for (std::uint16_t i = 0; i < *label_count; ++i) {
    const auto name_length = in.Take<std::uint16_t>();
    const auto name = in.Bytes(name_length.value_or(0));
    const auto value_length = in.Take<std::uint32_t>();
    const auto value = in.Bytes(value_length.value_or(0));
    if (!name_length || !name || !value_length || !value) return std::nullopt;
    labels.push_back({std::string(*name), std::string(*value)});
  }
  SavedSeries series{.labels = Labels::From(std::move(labels)), .chunks = {}};
  const auto chunk_count = in.Take<std::uint32_t>();
  if (!chunk_count) return std::nullopt;
  Millis previous = std::numeric_limits<Millis>::min();
  for (std::uint32_t i = 0; i < *chunk_count; ++i) {
    const auto first = in.Take<Millis>();
    const auto last = in.Take<Millis>();
    const auto count = in.Take<std::uint32_t>();
    const auto length = in.Take<std::uint32_t>();
    const auto bytes = in.Bytes(length.value_or(0));
    if (!first || !last || !count || !length || !bytes) return std::nullopt;
    auto chunk = std::make_shared<Chunk>(Chunk{*first, *last, *count, {bytes->begin(), bytes->end()}});
    if (*first <= previous || !chunk->IsSound()) return std::nullopt;
    previous = *last;
    series.chunks.push_back(std::move(chunk));
  }
  return in.empty() ? std::optional(std::move(series)) : std::nullopt;
}

Result<std::string> ReadFile(int fd, const std::filesystem::path& path) {
  std::string content;
  std::vector<char> buffer(1U << 20);
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(IoError("cannot read", path));
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// The saved series, or what is wrong with the file.
tl::expected<std::vector<SavedSeries>, std::string> ParseFile(std::string_view content) {
  Cursor in(content);
  const auto magic = in.Bytes(kMagic.size());
  if (!magic || magic->substr(0, kMagic.size() - 1) != kMagic.substr(0, kMagic.size() - 1))
    return tl::unexpected(std::string("it is no history file"));
  if (*magic != kMagic) return tl::unexpected(std::string("it is of another version"));
  std::vector<SavedSeries> saved;
  while (true) {
    const auto at = std::to_string(saved.size());
    const auto length = in.Take<std::uint32_t>();
    if (length == 0U)
      return in.empty() ? tl::expected<std::vector<SavedSeries>, std::string>(std::move(saved))
                        : tl::unexpected(std::string("there is something behind its end"));
    const auto checksum = in.Take<std::uint32_t>();
    const auto body = in.Bytes(length.value_or(0));
    if (!length || !checksum || !body) return tl::unexpected("it ends inside record " + at);
    if (Checksum(*body) != *checksum) return tl::unexpected("the checksum of record " + at + " is wrong");
    auto series = ReadBody(*body);
    if (!series) return tl::unexpected("record " + at + " is malformed");
    saved.push_back(std::move(*series));
  }
}

// Hands the file to `write`, about a megabyte at a time, until that says false; whether it took all.
template <typename Write>
bool Serialize(const History& history, const Write& write) {
  std::string buffer(kMagic);
  for (const SavedSeries& series : history.Snapshot()) {
    const std::string body = BodyOf(series);
    Put(buffer, static_cast<std::uint32_t>(body.size()));
    Put(buffer, Checksum(body));
    buffer += body;
    if (buffer.size() < (1U << 20)) continue;
    if (!write(buffer)) return false;
    buffer.clear();
  }
  Put(buffer, std::uint32_t{0});
  return write(buffer);
}

}  // namespace

std::optional<std::string> HistoryBytes(const History& history, std::size_t most) {
  std::string all;
  const bool fits = Serialize(history, [&](std::string_view bytes) {
    if (bytes.size() > most - all.size()) return false;
    all += bytes;
    return true;
  });
  return fits ? std::optional(std::move(all)) : std::nullopt;
}

Result<> SaveHistory(const History& history, const std::filesystem::path& path) {
  const std::filesystem::path aside = path.string() + ".new";
  {
    const File file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (!file.ok()) return tl::unexpected(IoError("cannot create", aside));
    if (!Serialize(history, [&](std::string_view bytes) { return WriteAll(file.fd(), bytes); }) || ::fsync(file.fd()) != 0) {
      Status status = IoError("cannot write", aside);
      ::unlink(aside.c_str());
      return tl::unexpected(std::move(status));
    }
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    Status status = IoError("cannot rename to", path);
    ::unlink(aside.c_str());
    return tl::unexpected(std::move(status));
  }
  const auto folder = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
  const File directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok() || ::fsync(directory.fd()) != 0) return tl::unexpected(IoError("cannot flush", folder));
  return {};
}

Result<RestoredHistory> RestoreHistory(History& history, const std::filesystem::path& path, Millis now) {
  std::string content;
  {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.ok() && errno == ENOENT) return RestoredHistory{};
    if (!file.ok()) return tl::unexpected(IoError("cannot open", path));
    INFERD_ASSIGN_OR_RETURN(content, ReadFile(file.fd(), path));
  }
  auto saved = ParseFile(content);
  if (!saved) {
    const std::string aside = path.string() + ".unreadable";
    if (::rename(path.c_str(), aside.c_str()) != 0) return tl::unexpected(IoError("cannot rename", path));
    return RestoredHistory{.set_aside = path.string() + " is not used, because " + saved.error() + "; it is now " + aside};
  }
  history.Restore(std::move(*saved), now);
  const HistoryStatus status = history.status();
  return RestoredHistory{.series = status.series, .samples = status.samples, .set_aside = {}};
}

}  // namespace inferd::metrics
