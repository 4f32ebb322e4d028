#include "engine/audit/text/status_names.h"

#include <algorithm>
#include <iterator>

namespace rpcaudit::audit {
namespace {

struct NamedStatus {
  std::uint32_t status;
  std::string_view name;
};

// By status.
constexpr NamedStatus kStatuses[] = {
    {0x0000'0005, "ERROR_ACCESS_DENIED"},
    {0x0000'06b5, "RPC_S_UNKNOWN_IF"},
    {0x0000'06bb, "RPC_S_SERVER_TOO_BUSY"},
    {0x0000'06be, "RPC_S_CALL_FAILED"},
    {0x0000'06bf, "RPC_S_CALL_FAILED_DNE"},
    {0x0000'06c0, "RPC_S_PROTOCOL_ERROR"},
    {0x0000'06d1, "RPC_S_PROCNUM_OUT_OF_RANGE"},
    {0x0000'06f7, "RPC_X_BAD_STUB_DATA"},
    {0x0000'0721, "RPC_S_SEC_PKG_ERROR"},
    {0x1c00'0001, "nca_s_fault_int_div_by_zero"},
    {0x1c00'0002, "nca_s_fault_addr_error"},
    {0x1c00'0003, "nca_s_fault_fp_div_zero"},
    {0x1c00'0004, "nca_s_fault_fp_underflow"},
    {0x1c00'0005, "nca_s_fault_fp_overflow"},
    {0x1c00'0006, "nca_s_fault_invalid_tag"},
    {0x1c00'0007, "nca_s_fault_invalid_bound"},
    {0x1c00'0008, "nca_s_rpc_version_mismatch"},
    {0x1c00'0009, "nca_s_unspec_reject"},
    {0x1c00'000a, "nca_s_bad_actid"},
    {0x1c00'000b, "nca_s_who_are_you_failed"},
    {0x1c00'000c, "nca_s_manager_not_entered"},
    {0x1c00'000d, "nca_s_fault_cancel"},
    {0x1c00'000e, "nca_s_fault_ill_inst"},
    {0x1c00'000f, "nca_s_fault_fp_error"},
    {0x1c00'0010, "nca_s_fault_int_overflow"},
    {0x1c00'0012, "nca_s_fault_unspec"},
    {0x1c00'0013, "nca_s_fault_remote_comm_failure"},
    {0x1c00'0014, "nca_s_fault_pipe_empty"},
    {0x1c00'0015, "nca_s_fault_pipe_closed"},
    {0x1c00'0016, "nca_s_fault_pipe_order"},
    {0x1c00'0017, "nca_s_fault_pipe_discipline"},
    {0x1c00'0018, "nca_s_fault_pipe_comm_error"},
    {0x1c00'0019, "nca_s_fault_pipe_memory"},
    {0x1c00'001a, "nca_s_fault_context_mismatch"},
    {0x1c00'001b, "nca_s_fault_remote_no_memory"},
    {0x1c00'001c, "nca_s_invalid_pres_context_id"},
    {0x1c00'001d, "nca_s_unsupported_authn_level"},
    {0x1c00'001f, "nca_s_invalid_checksum"},
    {0x1c00'0020, "nca_s_invalid_crc"},
    {0x1c00'0021, "nca_s_fault_user_defined"},
    {0x1c00'0022, "nca_s_fault_tx_open_failed"},
    {0x1c00'0023, "nca_s_fault_codeset_conv_error"},
    {0x1c00'0024, "nca_s_fault_object_not_found"},
    {0x1c00'0025, "nca_s_fault_no_client_stub"},
    {0x1c01'0001, "nca_s_comm_failure"},
    {0x1c01'0002, "nca_s_op_rng_error"},
    {0x1c01'0003, "nca_s_unk_if"},
    {0x1c01'0006, "nca_s_wrong_boot_time"},
    {0x1c01'0009, "nca_s_you_crashed"},
    {0x1c01'000b, "nca_s_proto_error"},
    {0x1c01'0013, "nca_s_out_args_too_big"},
    {0x1c01'0014, "nca_s_server_too_busy"},
    {0x1c01'0017, "nca_s_unsupported_type"},
};

constexpr bool precedes(const NamedStatus& a, const NamedStatus& b) noexcept {
  return a.status < b.status;
}
static_assert(std::is_sorted(std::begin(kStatuses), std::end(kStatuses), precedes));

}  // namespace

std::string_view status_name(std::uint32_t status) noexcept {
  const NamedStatus* const found = std::lower_bound(std::begin(kStatuses), std::end(kStatuses),
                                                    NamedStatus{status, {}}, precedes);
  return found != std::end(kStatuses) && found->status == status ? found->name : std::string_view();
}

}  // namespace rpcaudit::audit
