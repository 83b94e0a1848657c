# Tests that are no C programs of tests/: the installed library from outside, the examples, the texts. Exit status 77 is a skip.
function(heed_script_test name)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

if(HEED_SANITIZE)
  set(sanitized sanitized)
endif()
set(tests ${CMAKE_SOURCE_DIR}/tests)
heed_script_test(install sh ${tests}/install.sh ${CMAKE_COMMAND} ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR} ${CMAKE_C_COMPILER}
  ${sanitized})
set_tests_properties(install PROPERTIES ENVIRONMENT "CMAKE_GENERATOR=${CMAKE_GENERATOR}")
heed_script_test(decode sh ${tests}/decode.sh ${CMAKE_BINARY_DIR}/heed)
add_test(NAME documents COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DHEED=$<TARGET_FILE:heed_cli>
  -P ${tests}/documents.cmake)
if(HEED_EXAMPLES)
  foreach(name first model own_op)
    heed_script_test(example_${name} example_${name})
  endforeach()
  heed_script_test(example_checkpoint sh ${tests}/example_checkpoint.sh $<TARGET_FILE:heed_cli> $<TARGET_FILE:example_checkpoint>)
endif()
