#include "engine/app/operate/http_server.h"

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include "engine/app/operate/metrics.h"
#include "engine/app/operate/status_text.h"

namespace rpcaudit::app {
namespace {

constexpr unsigned kHttpClientsMax = 16;
constexpr unsigned kClientSeconds = 10;
constexpr std::size_t kClientBytes = std::size_t{32} << 10;
constexpr int kHttpWaitingClients = 16;
// A status is published every second; one that is so old says that records are not written.
constexpr double kStaleSeconds = 10;

struct Page {
  unsigned status = MHD_HTTP_OK;
  const char* type = "text/plain; charset=utf-8";
  std::string text;
};

double age_of(const LiveStatus& status) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const Timestamp clock{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()};
  return static_cast<double>(nanoseconds_between(status.at, clock)) / 1e9;
}

Page page_of(std::string_view path, const LiveStatus* status) {
  const bool is_known = path == "/metrics" || path == "/status" || path == "/healthz";
  if (!is_known) {
    return {MHD_HTTP_NOT_FOUND, "text/plain; charset=utf-8",
            "there are /metrics, /healthz and /status\n"};
  }
  if (status == nullptr) {
    return {MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", "starting\n"};
  }
  if (path == "/status") return {MHD_HTTP_OK, "application/json", status_json(*status)};
  if (path == "/metrics") {
    return {MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", metrics_text(*status)};
  }
  if (age_of(*status) < kStaleSeconds) return {.text = "ok\n"};
  return {MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", "no news of the capture\n"};
}

MHD_Result send_page(MHD_Connection* connection, const Page& page) {
  // It copies the text, and does not write to it.
  MHD_Response* const response = MHD_create_response_from_buffer(
      page.text.size(), const_cast<char*>(page.text.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.type);
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  const MHD_Result result = MHD_queue_response(connection, page.status, response);
  MHD_destroy_response(response);
  return result;
}

MHD_Result on_request(void* board, MHD_Connection* connection, const char* path, const char* method,
                      const char*, const char*, std::size_t*, void**) {
  const std::string_view wanted(method);
  if (wanted != MHD_HTTP_METHOD_GET && wanted != MHD_HTTP_METHOD_HEAD) {
    return send_page(connection, {MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain; charset=utf-8",
                                  "there is nothing but GET\n"});
  }
  const auto status = static_cast<const StatusBoard*>(board)->latest();
  return send_page(connection, page_of(path, status.get()));
}

// What clients do wrong is nobody's news.
void on_log(void*, const char*, va_list) {}

bool is_loopback(const sockaddr& address) {
  if (address.sa_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr) != 0;
  }
  const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
  return (ntohl(ipv4.sin_addr.s_addr) >> 24) == 127;
}

struct Resolved {
  explicit Resolved(const HttpAddress& address) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    if (::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &info) != 0) {
      info = nullptr;
    }
  }
  Resolved(const Resolved&) = delete;
  Resolved& operator=(const Resolved&) = delete;
  ~Resolved() {
    if (info != nullptr) ::freeaddrinfo(info);
  }
  addrinfo* info = nullptr;
};

bool is_port(std::string_view text) {
  const bool has_digits = std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  return !text.empty() && text.size() <= 5 && has_digits && std::stoul(std::string(text)) <= 65535;
}

}  // namespace

bool parse_http_address(const std::string& text, HttpAddress& address, std::string& error) {
  const std::size_t colon = text.rfind(':');
  std::string host = colon == std::string::npos ? std::string() : text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  address.host = host.empty() ? "127.0.0.1" : host;
  address.port = colon == std::string::npos ? text : text.substr(colon + 1);
  const Resolved resolved(address);
  if (!is_port(address.port) || resolved.info == nullptr) {
    error = text + ": is not ADDRESS:PORT, such as 127.0.0.1:9909 or [::1]:9909";
    return false;
  }
  address.is_loopback = is_loopback(*resolved.info->ai_addr);
  return true;
}

int listen_at(const HttpAddress& address, std::string& error) {
  const Resolved resolved(address);
  const addrinfo& info = *resolved.info;
  const int listener = ::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  if (listener >= 0) ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (listener >= 0 && ::bind(listener, info.ai_addr, info.ai_addrlen) == 0 &&
      ::listen(listener, kHttpWaitingClients) == 0) {
    return listener;
  }
  const int code = errno;
  if (listener >= 0) ::close(listener);
  error = address.host + " port " + address.port + ": ";
  error += code == EADDRINUSE ? "the port is in use; name another one"
                              : std::generic_category().message(code);
  if (code == EACCES) error += ": ports below 1024 take the capability CAP_NET_BIND_SERVICE";
  return -1;
}

HttpServer::HttpServer(int listener, const StatusBoard& board)
    : listener_(listener), board_(board) {}

HttpServer::~HttpServer() {
  if (daemon_ != nullptr) {
    MHD_stop_daemon(daemon_);  // closes the listener
  } else {
    ::close(listener_);
  }
}

bool HttpServer::start() {
  daemon_ = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, nullptr, nullptr,
                             on_request, const_cast<StatusBoard*>(&board_),
                             MHD_OPTION_EXTERNAL_LOGGER, on_log, nullptr, MHD_OPTION_LISTEN_SOCKET,
                             listener_, MHD_OPTION_CONNECTION_LIMIT, kHttpClientsMax,
                             MHD_OPTION_CONNECTION_TIMEOUT, kClientSeconds,
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, kClientBytes, MHD_OPTION_END);
  return daemon_ != nullptr;
}

}  // namespace rpcaudit::app
