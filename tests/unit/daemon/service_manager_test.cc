// What systemd is told and what is taken from it, over real sockets: the test stands where the service manager is.
#include "daemon/service_manager.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "daemon/attendant.h"
#include "gtest/gtest.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() : path_(std::filesystem::temp_directory_path() / ("inferd-notify-test-" + std::to_string(getpid()))) {
    for (const char* name : kNames) ::unsetenv(name);
  }
  ~ServiceManagerTest() override {
    for (const char* name : kNames) ::unsetenv(name);
    if (listening_ >= 0) ::close(listening_);
    std::filesystem::remove(path_);
  }

  void ListenForNotifications() {
    listening_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = path_.string();
    std::copy(path.begin(), path.end(), address.sun_path);
    std::filesystem::remove(path_);
    ASSERT_EQ(::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void SetWatchdog(Duration interval) {
    ::setenv("WATCHDOG_USEC", std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(interval).count()).c_str(), 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  }
  // What was told since the last time.
  std::vector<std::string> Told() const {
    std::vector<std::string> messages;
    std::array<char, 4096> buffer{};
    for (;;) {
      const ssize_t n = ::recv(listening_, buffer.data(), buffer.size(), 0);
      if (n < 0) return messages;
      messages.emplace_back(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  static constexpr std::array kNames{"NOTIFY_SOCKET", "WATCHDOG_USEC",  "WATCHDOG_PID",          "LISTEN_FDS",
                                     "LISTEN_PID",    "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"};
  const std::filesystem::path path_;
  int listening_ = -1;
};

// Puts a descriptor where systemd puts the first one, and what was there back in the end.
class AsFirstDescriptor {
 public:
  explicit AsFirstDescriptor(int fd) : saved_(::fcntl(kFirst, F_DUPFD_CLOEXEC, 10)) {
    ::dup2(fd, kFirst);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  }
  AsFirstDescriptor(const AsFirstDescriptor&) = delete;
  AsFirstDescriptor& operator=(const AsFirstDescriptor&) = delete;
  ~AsFirstDescriptor() {
    ::close(kFirst);
    if (saved_ >= 0) {
      ::dup2(saved_, kFirst);
      ::close(saved_);
    }
  }
  static constexpr int kFirst = 3;

 private:
  const int saved_;
};

TEST_F(ServiceManagerTest, NobodyThere) {
  const auto manager = ServiceManager::FromEnvironment();
  ASSERT_TRUE(manager);
  EXPECT_FALSE(manager->present());
  EXPECT_EQ(manager->watchdog(), Duration{});
  EXPECT_THAT(manager->sockets(), IsEmpty());
  manager->Ready();  // heard by nobody
}

TEST_F(ServiceManagerTest, Tells) {
  ListenForNotifications();
  const auto manager = ServiceManager::FromEnvironment();
  ASSERT_TRUE(manager);
  EXPECT_TRUE(manager->present());
  manager->Ready();
  manager->Reloading(MonotonicTime(std::chrono::milliseconds(1500)));
  manager->Stopping();
  manager->Status("Serving 1, queue 0");
  manager->ExtendTimeout(std::chrono::seconds(2));
  manager->FeedWatchdog();
  manager->TriggerWatchdog();
  EXPECT_THAT(Told(), ElementsAre("READY=1", "RELOADING=1\nMONOTONIC_USEC=1500000", "STOPPING=1", "STATUS=Serving 1, queue 0",
                                  "EXTEND_TIMEOUT_USEC=2000000", "WATCHDOG=1", "WATCHDOG=trigger"));
}

TEST_F(ServiceManagerTest, TheWatchdogIsForThisProcessOnly) {
  SetWatchdog(std::chrono::seconds(10));
  EXPECT_EQ(ServiceManager::FromEnvironment()->watchdog(), std::chrono::seconds(10));
  EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr) << "a child would take itself for the daemon";
  SetWatchdog(std::chrono::seconds(10));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceManager::FromEnvironment()->watchdog(), Duration{});
}

TEST_F(ServiceManagerTest, TakesListeningSockets) {
  for (const bool v6 : {false, true}) {
    const int fd = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_addr = in6addr_loopback;
    const auto* address = v6 ? reinterpret_cast<const sockaddr*>(&in6) : reinterpret_cast<const sockaddr*>(&in);
    if (::bind(fd, address, v6 ? sizeof(in6) : sizeof(in)) != 0 && v6) {
      ::close(fd);
      continue;  // a machine without IPv6
    }
    const AsFirstDescriptor handed_over(fd);
    EXPECT_EQ(ServiceManager::FromEnvironment().error().code, Code::kInvalidArgument) << "not listening";
    ASSERT_EQ(::listen(fd, 1), 0);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    const auto manager = ServiceManager::FromEnvironment();
    ASSERT_TRUE(manager);
    ASSERT_EQ(manager->sockets().size(), 1U);
    EXPECT_EQ(manager->sockets()[0].fd, 3);
    EXPECT_THAT(manager->sockets()[0].address, StartsWith(v6 ? "[::1]:" : "127.0.0.1:"));
    EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
    ::close(fd);
  }
}

TEST_F(ServiceManagerTest, OtherDescriptorsAreNoSockets) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  {
    const AsFirstDescriptor handed_over(pipe[0]);
    const auto manager = ServiceManager::FromEnvironment();
    ASSERT_FALSE(manager);
    EXPECT_THAT(manager.error().message, HasSubstr("descriptor 3"));
  }
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(ServiceManagerTest, Credentials) {
  EXPECT_EQ(CredentialPath("/etc/keys").value(), "/etc/keys");
  EXPECT_EQ(CredentialPath("credential:keys").error().code, Code::kUnavailable);
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
  EXPECT_EQ(CredentialPath("credential:keys").value(), "/run/credentials/x/keys");
  for (const char* wrong : {"credential:", "credential:..", "credential:a/b", "credential:../../etc/shadow"}) {
    EXPECT_EQ(CredentialPath(wrong).error().code, Code::kInvalidArgument) << wrong;
  }
}

TEST_F(ServiceManagerTest, TheStateFolderIsTheFirst) {
  EXPECT_EQ(StateFolder(), "");
  ::setenv("STATE_DIRECTORY", "/var/lib/inferd", 1);
  EXPECT_EQ(StateFolder(), "/var/lib/inferd");
  ::setenv("STATE_DIRECTORY", "/var/lib/inferd:/var/lib/more", 1);
  EXPECT_EQ(StateFolder(), "/var/lib/inferd");
}

TEST(StatusLine, SaysWhatIsGoingOn) {
  Sights sights;
  sights.life = {State::kLoading, "loading the model demo", {}};
  sights.loaded_percent = 43;
  EXPECT_EQ(StatusLine(sights), "Loading the model demo, 43 %");
  sights.life.state = State::kReady;
  sights.running = 12;
  sights.queued = 3;
  EXPECT_EQ(StatusLine(sights), "Serving 12, queue 3");
  sights.stalled = "demo: no progress for 4.0 s";
  EXPECT_EQ(StatusLine(sights), "Stalled: demo: no progress for 4.0 s");
  sights.life.state = State::kDraining;
  sights.inside = 5;
  EXPECT_EQ(StatusLine(sights), "Draining, 5 left");
}

class AttendantTest : public ServiceManagerTest {
 protected:
  void Begin(Duration watchdog) {
    ListenForNotifications();
    if (watchdog > Duration{}) SetWatchdog(watchdog);
    service_ = *ServiceManager::FromEnvironment();
    attendant_.emplace(
        service_, [this] { return sights_; },
        [this](const std::string& why) {
          saved_.push_back(why);
          told_before_saving_ = Told();
        });
  }
  std::vector<std::string> After(Duration time) {
    clock_.Advance(time);
    attendant_->Attend(clock_.Now());
    return Told();
  }

  ManualClock clock_;
  ServiceManager service_;
  Sights sights_;
  std::vector<std::string> saved_;
  std::vector<std::string> told_before_saving_;
  std::optional<Attendant> attendant_;
};

constexpr Duration kTick = std::chrono::seconds(1);

TEST_F(AttendantTest, FollowsALife) {
  Begin({});
  sights_.life = {State::kLoading, "loading the model demo", {}};
  sights_.movement = 1;
  EXPECT_THAT(After(kTick), ElementsAre("STATUS=Loading the model demo, 0 %", "EXTEND_TIMEOUT_USEC=60000000"));
  EXPECT_THAT(After(kTick), IsEmpty()) << "nothing has moved: the service manager's patience is not extended";
  sights_.loaded_percent = 43;
  sights_.movement = 2;
  EXPECT_THAT(After(kTick), ElementsAre("STATUS=Loading the model demo, 43 %", "EXTEND_TIMEOUT_USEC=60000000"));
  sights_.life = {State::kReady, "", {}};
  EXPECT_THAT(After({}), ElementsAre("READY=1", "STATUS=Serving 0, queue 0")) << "at once, not with the next tick";
  sights_.movement = 3;
  EXPECT_THAT(After(kTick), IsEmpty());
  sights_.life = {State::kDraining, "", {}};
  sights_.inside = 2;
  sights_.movement = 4;
  EXPECT_THAT(After({}), ElementsAre("STOPPING=1", "STATUS=Draining, 2 left", "EXTEND_TIMEOUT_USEC=60000000"));
  sights_.inside = 1;
  EXPECT_THAT(After(kTick / 2), IsEmpty()) << "asked more often than in its period it says nothing";
}

TEST_F(AttendantTest, FeedsWhileThereIsProgress) {
  Begin(std::chrono::seconds(10));
  sights_.life = {State::kReady, "", {}};
  EXPECT_THAT(After(kTick), ElementsAre("READY=1", "STATUS=Serving 0, queue 0", "WATCHDOG=1"));
  EXPECT_EQ(attendant_->due(), clock_.Now() + kTick);
  for (int i = 0; i < 20; ++i) EXPECT_THAT(After(kTick), ElementsAre("WATCHDOG=1"));
}

TEST_F(AttendantTest, SavesAndThenTriggersWhenStalled) {
  Begin(std::chrono::seconds(10));
  sights_.life = {State::kReady, "", {}};
  After(kTick);
  sights_.stalled = "demo: no progress for 3.1 s";
  EXPECT_THAT(After(kTick), ElementsAre("STATUS=Stalled: demo: no progress for 3.1 s"));
  EXPECT_THAT(After(kTick), IsEmpty()) << "not fed";
  sights_.stalled.clear();
  EXPECT_THAT(After(kTick), ElementsAre("STATUS=Serving 0, queue 0", "WATCHDOG=1")) << "the verdict took itself back";
  sights_.stalled = "demo: no progress for 3.1 s";
  After(kTick);
  EXPECT_THAT(After(std::chrono::milliseconds(2400)), IsEmpty());
  EXPECT_THAT(saved_, IsEmpty());
  EXPECT_THAT(After(kTick), ElementsAre("WATCHDOG=trigger"));
  EXPECT_THAT(saved_, ElementsAre("demo: no progress for 3.1 s"));
  EXPECT_THAT(told_before_saving_, IsEmpty()) << "first the evidence, then the trigger";
  EXPECT_THAT(After(kTick), IsEmpty()) << "once";
  EXPECT_EQ(saved_.size(), 1U);
}

TEST_F(AttendantTest, LooksWhenAStallBeginsAndWhenItHasLasted) {
  Begin(std::chrono::seconds(10));
  sights_.life = {State::kReady, "", {}};
  After(kTick);
  sights_.stalls_at = clock_.Now() + kTick * 5 / 2;
  for (int i = 0; i < 2; ++i) {
    After(kTick);
    EXPECT_EQ(attendant_->due(), std::min(clock_.Now() + kTick, sights_.stalls_at));
  }
  clock_.Advance(kTick / 2);
  const MonotonicTime begin = clock_.Now();
  ASSERT_EQ(attendant_->due(), begin);
  sights_.stalls_at = MonotonicTime::max();
  sights_.stalled = "demo: no progress for 2.5 s";
  After({});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(attendant_->due(), clock_.Now() + kTick);
    EXPECT_THAT(After(kTick), IsEmpty());
  }
  EXPECT_EQ(attendant_->due(), begin + kTick * 5 / 2);
  EXPECT_THAT(After(kTick / 2), ElementsAre("WATCHDOG=trigger"));
  EXPECT_EQ(attendant_->due(), clock_.Now() + kTick);
}

TEST_F(AttendantTest, AShortWatchdogShortensThePeriod) {
  Begin(std::chrono::seconds(2));
  After(kTick);
  EXPECT_EQ(attendant_->due(), clock_.Now() + std::chrono::milliseconds(200));
}

}  // namespace
}  // namespace inferd::daemon
