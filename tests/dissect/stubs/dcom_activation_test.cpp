#include "dissect/stubs/dcom_activation.h"

#include <gtest/gtest.h>

#include "tests/support/activation_bytes.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;
using enum ActivationCall;

constexpr Uuid kClass = uuid("4991d34b-80a1-4291-83b6-3328366b9097");
constexpr Uuid kActivation = uuid("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57");

// The class, or nil where none was read.
Uuid read_class(ActivationCall call, Bytes stub, std::endian order = std::endian::little) {
  Uuid class_id;
  const ParseStatus status = parse_activated_class(call, stub, order, class_id);
  return status == ParseStatus::ok ? class_id : Uuid{};
}

// [MS-DCOM] 3.1.2.5.2.3.
TEST(DcomActivation, IsThreeOperationsOfTwoInterfaces) {
  EXPECT_EQ(activation_call(kActivation, 0), remote_activation);
  EXPECT_EQ(activation_call(kActivation, 1), none);
  EXPECT_EQ(activation_call(kRemoteScmActivator.uuid, 3), remote_get_class_object);
  EXPECT_EQ(activation_call(kRemoteScmActivator.uuid, 4), remote_create_instance);
  EXPECT_EQ(activation_call(kRemoteScmActivator.uuid, 0), none);
  EXPECT_EQ(activation_call(kSamr.uuid, 4), none);
}

// [MS-DCOM] 2.2.22: the class stands in the InstantiationInfoData, wherever that is.
TEST(DcomActivation, NamesItsClassWhereverThePropertiesHaveIt) {
  const std::vector<std::vector<Uuid>> kOrders{
      {kInstantiationInfo},
      {kSpecialProperties, kInstantiationInfo},
      {kSpecialProperties, kSpecialProperties, kInstantiationInfo, kSpecialProperties}};
  for (const std::vector<Uuid>& properties : kOrders) {
    for (const bool create : {false, true}) {
      for (const std::endian order : {std::endian::little, std::endian::big}) {
        ActivationShape shape{kClass, order};
        shape.create_instance = create;
        shape.properties = properties;
        EXPECT_EQ(read_class(create ? remote_create_instance : remote_get_class_object,
                             make_activation(shape), order),
                  kClass)
            << properties.size() << create;
      }
    }
  }
}

// [MS-DCOM] 2.2.21: an ORPCTHIS may carry extensions.
TEST(DcomActivation, IsReadBehindExtensions) {
  for (const std::vector<std::size_t>& extents :
       {std::vector<std::size_t>{8}, std::vector<std::size_t>{16, 40, 8}}) {
    ActivationShape shape{kClass};
    shape.extents = extents;
    EXPECT_EQ(read_class(remote_create_instance, make_activation(shape)), kClass);
  }
}

// [MS-DCOM] 3.1.2.5.2.3.1: the older call names the class itself.
TEST(DcomActivation, OfTheOlderInterfaceNamesItsClassFirst) {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    ByteWriter writer(order);
    put_orpcthis(writer, {});
    EXPECT_EQ(read_class(remote_activation, writer.uuid(kClass).u32(0).take(), order), kClass);
  }
}

TEST(DcomActivation, CutAnywhereBeforeTheClassIsTruncated) {
  const ByteVector stub = make_activation({kClass});
  std::size_t whole = 0;
  for (std::size_t size = 0; size <= stub.size(); ++size) {
    Uuid class_id;
    const ParseStatus status = parse_activated_class(
        remote_create_instance, Bytes(stub).first(size), std::endian::little, class_id);
    if (status == ParseStatus::ok) {
      ++whole;
      EXPECT_EQ(class_id, kClass);
    } else {
      EXPECT_EQ(status, ParseStatus::truncated) << size;
    }
  }
  EXPECT_EQ(whole, 64u - 32u + 1u);  // what follows the class in its property may be cut
}

TEST(DcomActivation, OfSomethingElseHasNoClass) {
  ActivationShape standard{kClass};
  standard.objref_flags = 1;  // OBJREF_STANDARD
  EXPECT_EQ(read_class(remote_create_instance, make_activation(standard)), Uuid{});
  ActivationShape without{kClass};
  without.properties = {kSpecialProperties};
  EXPECT_EQ(read_class(remote_create_instance, make_activation(without)), Uuid{});
  ActivationShape many{kClass};
  many.properties.assign(11, kSpecialProperties);
  EXPECT_EQ(read_class(remote_create_instance, make_activation(many)), Uuid{});
  EXPECT_EQ(read_class(none, make_activation({kClass})), Uuid{});
}

}  // namespace
}  // namespace rpcaudit::dissect
