# Copyright 2026 vpr_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The distillation of similarities against loops."""

import math

import pytest
import torch
from torch.nn import functional as F
from vpr_ros.training.losses.distillation import relational_distillation


def cosine(a, b):
    product = sum(float(x * y) for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(float(x) ** 2 for x in a) * sum(float(y) ** 2 for y in b))


def test_loss_is_the_loop():
    torch.manual_seed(0)
    student, teacher = torch.randn(5, 4).double(), torch.randn(5, 9).double()
    terms = [(cosine(student[i], student[j]) - cosine(teacher[i], teacher[j])) ** 2
             for i in range(5) for j in range(5) if i != j]
    found = relational_distillation(student, teacher)
    assert found.item() == pytest.approx(sum(terms) / len(terms), rel=1e-12)


def test_a_turned_teacher_is_learned_already():
    torch.manual_seed(0)
    teacher = F.normalize(torch.randn(6, 4).double(), dim=1)
    turn = torch.linalg.qr(torch.randn(7, 4).double())[0]
    assert relational_distillation(3 * teacher @ turn.T, teacher).item() == pytest.approx(0.0)


def test_gradient_reaches_the_student_alone():
    torch.manual_seed(0)
    student = torch.randn(4, 3).double().requires_grad_()
    teacher = torch.randn(4, 5).double().requires_grad_()
    relational_distillation(student, teacher).backward()
    assert teacher.grad is None
    assert torch.autograd.gradcheck(lambda s: relational_distillation(s, teacher.detach()),
                                    student)


def test_gradients_are_finite_at_zero_and_where_all_are_one():
    for student in (torch.zeros(3, 4), torch.ones(3, 4)):
        student.requires_grad_()
        relational_distillation(student, torch.eye(3)).backward()
        assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize('sizes', [(1, 1), (3, 2)])
def test_images_must_be_the_same_two_or_more(sizes):
    with pytest.raises(ValueError, match='two or more'):
        relational_distillation(torch.ones(sizes[0], 2), torch.ones(sizes[1], 2))


def test_autocast_changes_nothing():
    torch.manual_seed(0)
    student, teacher = torch.randn(6, 64), torch.randn(6, 32)
    wanted = relational_distillation(student, teacher)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert relational_distillation(student, teacher).item() == wanted.item()
