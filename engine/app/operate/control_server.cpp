#include "engine/app/operate/control_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace rpcaudit::app {
namespace {

constexpr std::size_t kClientsMax = 8;
constexpr std::chrono::seconds kClientTime{10};
constexpr int kLookMilliseconds = 500;

}  // namespace

ControlServer::ControlServer(int listener, Handler handler)
    : listener_(listener),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      handler_(std::move(handler)),
      thread_([this] { run(); }) {}

ControlServer::~ControlServer() {
  const std::uint64_t one = 1;
  (void)!::write(stop_, &one, sizeof one);
  thread_.join();
  for (const Client& client : clients_) ::close(client.descriptor);
  ::close(stop_);
}

void ControlServer::run() {
  for (;;) {
    std::vector<pollfd> watched = {{stop_, POLLIN, 0}};
    // While all places are taken, new clients wait in the socket's queue.
    watched.push_back({clients_.size() < kClientsMax ? listener_ : -1, POLLIN, 0});
    for (const Client& client : clients_) {
      const auto events = static_cast<short>(client.answer.empty() ? POLLIN : POLLOUT);
      watched.push_back({client.descriptor, events, 0});
    }
    if (::poll(watched.data(), watched.size(), kLookMilliseconds) < 0 && errno != EINTR) return;
    if (watched[0].revents != 0) return;
    const auto now = Clock::now();
    std::vector<Client> kept;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      Client& client = clients_[i];
      if (now < client.until && serve(client, watched[i + 2].revents)) {
        kept.push_back(std::move(client));
      } else {
        ::close(client.descriptor);
      }
    }
    clients_ = std::move(kept);
    if (watched[1].revents != 0) accept_client();
  }
}

void ControlServer::accept_client() {
  const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor >= 0) clients_.push_back({descriptor, Clock::now() + kClientTime});
}

bool ControlServer::serve(Client& client, short events) {
  if (events == 0) return true;
  if (client.answer.empty()) return receive(client);
  const ssize_t sent =
      ::send(client.descriptor, client.answer.data(), client.answer.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  client.answer.erase(0, static_cast<std::size_t>(sent));
  return !client.answer.empty();
}

bool ControlServer::receive(Client& client) {
  std::array<char, 4096> piece{};
  const ssize_t got = ::recv(client.descriptor, piece.data(), piece.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  client.received.append(piece.data(), static_cast<std::size_t>(got));
  const std::size_t end = client.received.find('\n');
  if (end == std::string::npos) return client.received.size() <= kRequestBytesMax;
  answer(client, std::string_view(client.received).substr(0, end));
  return true;
}

void ControlServer::answer(Client& client, std::string_view line) {
  std::string error;
  const std::optional<ControlRequest> request = read_request(line, error);
  client.answer =
      write_answer(request ? handler_(*request) : ControlAnswer{2, {}, "error: " + error + '\n'});
  client.until = Clock::now() + kClientTime;  // a reload takes its time
}

}  // namespace rpcaudit::app
