#include "engine/policy/listings/endpoint_listing.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kEndpointsMax = std::size_t{1} << 16;
constexpr std::size_t kTextMax = 1024;  // bytes of a name or annotation
constexpr std::size_t kUuidSize = 36;
constexpr std::size_t kLinesTested = 1000;

std::string bounded(std::string_view text) { return std::string(text.substr(0, kTextMax)); }

// `text` behind `prefix`, whatever its case; nothing when it begins otherwise.
std::optional<std::string_view> behind(std::string_view text, std::string_view prefix) {
  if (!starts_with_ignoring_case(text, prefix)) return std::nullopt;
  return trimmed(text.substr(prefix.size()));
}

// The letters and underscores that a line begins with, if they can be a protocol sequence.
std::string_view leading_protocol(std::string_view line) noexcept {
  const std::size_t size = std::min(
      line.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"), line.size());
  const std::string_view word = line.substr(0, size);
  for (const std::string_view prefix : {"ncacn_", "ncadg_", "ncalrpc"}) {
    if (starts_with_ignoring_case(word, prefix)) return word;
  }
  return {};
}

// Where something listens: `HOST[ENDPOINT]`.
struct Binding {
  std::string_view host;
  std::string_view endpoint;
  std::string_view rest;  // behind the bracket
};

std::optional<Binding> split_binding(std::string_view text) noexcept {
  const std::size_t open = text.find('[');
  if (open == std::string_view::npos) return std::nullopt;
  const std::size_t close = text.find(']', open);
  if (close == std::string_view::npos) return std::nullopt;
  return Binding{trimmed(text.substr(0, open)), text.substr(open + 1, close - open - 1),
                 text.substr(close + 1)};
}

// A version behind the UUID, as `v4.0`, is taken off the text.
std::optional<ListedEndpoint::Version> take_version(std::string_view& text) noexcept {
  if (text.size() < 4 || (text.front() != 'v' && text.front() != 'V')) return std::nullopt;
  ListedEndpoint::Version version;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data() + 1, end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc() || (minor.ptr != end && *minor.ptr != ' ')) return std::nullopt;
  text = trimmed(text.substr(static_cast<std::size_t>(minor.ptr - text.data())));
  return version;
}

// rpcdump.exe ends a line with whether the server answered: `:YES`, `:NOT_PINGED`.
std::string_view without_ping(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return text;
  const std::string_view word = trimmed(text.substr(colon + 1));
  const bool is_ping = !word.empty() && word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") ==
                                            std::string_view::npos;
  return is_ping ? trimmed(text.substr(0, colon)) : text;
}

// Some tools print names as C strings, with every backslash doubled.
std::string single_backslashes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' && out.ends_with('\\')) continue;
    out += c;
  }
  return out;
}

// nmap draws a bar before each line of a script, and a corner before the last one.
bool take_bar(std::string_view& line) noexcept {
  if (!line.starts_with('|')) return false;
  line.remove_prefix(line.starts_with("|_") ? 2 : 1);
  line = trimmed(line);
  return true;
}

class EndpointReader {
 public:
  EndpointReader(const SourceText& source, std::uint32_t file, Reporter& reporter)
      : source_(source), file_(file), reporter_(reporter) {}

  std::vector<ListedEndpoint> read() {
    for (std::size_t number = 1; number <= source_.line_count(); ++number) {
      span_ = {file_, static_cast<std::uint32_t>(number), 1, 1};
      read_line(trimmed(source_.line(number)));
    }
    end_record();
    place_pipes();
    return std::move(endpoints_);
  }

 private:
  // One endpoint whose address may not be known yet.
  struct Record {
    std::string protocol;
    std::string endpoint;
    std::optional<IpAddress> address;
    std::optional<Uuid> interface;
    std::string annotation;
  };

  void read_line(std::string_view line) {
    if (take_bar(line)) return read_field(line);
    end_record();
    if (read_server(line)) return;
    if (read_interface(line)) return;
    const std::string_view protocol = leading_protocol(line);
    if (!protocol.empty()) return read_protocol_line(protocol, line.substr(protocol.size()));
    if (!section_.empty()) read_entry(line);
  }

  // The line that names whom the tool asks. What was listed before belongs to another server.
  bool read_server(std::string_view line) {
    constexpr std::string_view kRpcdump = "Retrieving endpoint list from ";
    if (const std::size_t at = line.find(kRpcdump); at != std::string_view::npos) {
      begin_server(parse_ip(trimmed(line.substr(at + kRpcdump.size()))));
    } else if (const auto resolved = behind(line, "Name resolved to ")) {
      begin_server(parse_ip(*resolved));
    } else if (const auto scanned = behind(line, "Nmap scan report for ")) {
      const std::size_t open = scanned->rfind('(');
      begin_server(parse_ip(open == std::string_view::npos
                                ? *scanned
                                : scanned->substr(open + 1, scanned->find(')', open) - open - 1)));
    } else if (behind(line, "Querying target system called:")) {
      begin_server(std::nullopt);
    } else {
      return false;
    }
    return true;
  }

  void begin_server(std::optional<IpAddress> address) {
    place_pipes();
    server_ = address;
    section_.clear();
    interface_.reset();
  }

  // `UUID    : D95AFE70-... v1.0 annotation`, or without the version.
  bool read_interface(std::string_view line) {
    auto rest = behind(line, "UUID");
    if (!rest || !rest->starts_with(':')) return false;
    std::string_view text = trimmed(rest->substr(1));
    interface_ = parse_uuid(text.substr(0, kUuidSize));
    if (!interface_) {
      reporter_.warning("bad-uuid", span_, quoted(text) + " does not begin with a UUID");
      return true;
    }
    text = trimmed(text.substr(std::min(kUuidSize, text.size())));
    version_ = take_version(text);
    annotation_ = bounded(text);
    return true;
  }

  // `ncacn_ip_tcp:HOST[ENDPOINT]` of the last interface, or the heading of a section of
  // rpcdump.exe: `ncacn_ip_tcp(Connection-oriented TCP/IP)`.
  void read_protocol_line(std::string_view protocol, std::string_view rest) {
    if (rest.starts_with('(')) {
      section_ = to_lower(protocol);
      return;
    }
    if (!rest.starts_with(':')) return;
    const std::optional<Binding> binding = split_binding(rest.substr(1));
    if (!binding) {
      return reporter_.warning("bad-binding", span_,
                               quoted(rest.substr(1)) + " is not HOST[ENDPOINT]");
    }
    if (!interface_) return;
    add({to_lower(protocol), single_backslashes(binding->endpoint), parse_ip(binding->host),
         interface_, annotation_},
        version_);
  }

  // `HOST[ENDPOINT] [UUID] annotation :YES` in a section.
  void read_entry(std::string_view line) {
    const std::optional<Binding> binding = split_binding(line);
    if (!binding) return;
    const std::optional<Binding> key = split_binding(binding->rest);
    const std::optional<Uuid> interface = key ? parse_uuid(key->endpoint) : std::nullopt;
    if (!interface) return;
    add({section_, single_backslashes(binding->endpoint), parse_ip(binding->host), interface,
         bounded(without_ping(trimmed(key->rest)))},
        std::nullopt);
  }

  // `name: value` of msrpc-enum. A blank line ends an endpoint, whose fields stand in any order.
  void read_field(std::string_view line) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return end_record();
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 2));
    if (name == "uuid") {
      record_.interface = parse_uuid(value);
    } else if (name == "annotation") {
      record_.annotation = bounded(value);
    } else if (name == "ip_addr") {
      record_.address = parse_ip(value);
    } else if (name == "tcp_port" || name == "udp_port") {
      record_.protocol = name == "tcp_port" ? "ncacn_ip_tcp" : "ncadg_ip_udp";
      record_.endpoint = bounded(value);
    } else if (!leading_protocol(name).empty()) {
      record_.protocol = bounded(to_lower(name));
      record_.endpoint = bounded(value);
    }
  }

  void end_record() {
    if (record_.interface && !record_.protocol.empty()) add(record_, std::nullopt);
    record_ = {};
  }

  void add(Record record, std::optional<ListedEndpoint::Version> version) {
    if (endpoints_.size() + unplaced_.size() == kEndpointsMax) {
      return reporter_.warning_once("too-many-endpoints", span_,
                                    "the listing has more than 65,536 endpoints; the rest is "
                                    "left out");
    }
    ListedEndpoint endpoint;
    endpoint.protocol = std::move(record.protocol);
    endpoint.interface = *record.interface;
    endpoint.version = version;
    endpoint.annotation = std::move(record.annotation);
    endpoint.span = span_;
    const std::string_view where = record.endpoint;
    if (endpoint.protocol != "ncacn_np" && endpoint.protocol != "ncalrpc") {
      const auto parsed = std::from_chars(where.data(), where.data() + where.size(), endpoint.port);
      if (parsed.ec != std::errc() || parsed.ptr != where.data() + where.size() ||
          endpoint.port == 0) {
        return reporter_.warning("bad-port", span_, quoted(where) + " is no port");
      }
    } else {
      endpoint.name = bounded(where);
    }
    // Servers that listen everywhere register 0.0.0.0.
    if (record.address && *record.address != IpAddress::v4(0)) {
      endpoint.server = *record.address;
      if (!server_) server_ = endpoint.server;
    } else if (server_) {
      endpoint.server = *server_;
    } else {
      return unplaced_.push_back(std::move(endpoint));
    }
    endpoints_.push_back(std::move(endpoint));
  }

  // Endpoints before the first address of their server have the same address. Where a listing has
  // none, nobody can tell where its endpoints are.
  void place_pipes() {
    if (!server_ && !unplaced_.empty()) {
      reporter_.warning("no-address", span_,
                        std::to_string(unplaced_.size()) +
                            (unplaced_.size() == 1 ? " endpoint is" : " endpoints are") +
                            " listed by the name of the server alone, and left out",
                        "ask the endpoint mapper by the address of the server");
      unplaced_.clear();
    }
    for (ListedEndpoint& endpoint : unplaced_) {
      endpoint.server = *server_;
      endpoints_.push_back(std::move(endpoint));
    }
    unplaced_.clear();
  }

  const SourceText& source_;
  std::uint32_t file_;
  Reporter& reporter_;
  SourceSpan span_;
  std::optional<IpAddress> server_;  // whose mapper was asked
  std::string section_;              // protocol sequence, in what rpcdump.exe prints
  std::optional<Uuid> interface_;
  std::optional<ListedEndpoint::Version> version_;
  std::string annotation_;
  Record record_;  // of msrpc-enum
  std::vector<ListedEndpoint> endpoints_;
  std::vector<ListedEndpoint> unplaced_;  // of which the address is not known yet
};

}  // namespace

std::vector<ListedEndpoint> read_endpoint_listing(const SourceText& source, std::uint32_t file,
                                                  Reporter& reporter) {
  std::vector<ListedEndpoint> endpoints;
  if (!source.is_binary()) endpoints = EndpointReader(source, file, reporter).read();
  if (endpoints.empty()) {
    reporter.error("no-endpoints", {file, 0, 0, 0}, "the file lists no endpoint at a known address",
                   "known is what rpcdump.py, rpcdump.exe, PortQry and nmap's msrpc-enum print");
  }
  return endpoints;
}

bool is_endpoint_listing(const SourceText& source) {
  const std::size_t lines = std::min(source.line_count(), kLinesTested);
  for (std::size_t number = 1; number <= lines; ++number) {
    std::string_view line = trimmed(source.line(number).substr(0, kTextMax));
    if (take_bar(line) && line.starts_with("msrpc-enum:")) return true;
    const std::string_view protocol = leading_protocol(line);
    if (protocol.empty()) continue;
    line.remove_prefix(protocol.size());
    if (line.starts_with('(') || (line.starts_with(':') && split_binding(line))) return true;
  }
  return false;
}

}  // namespace rpcaudit::policy
